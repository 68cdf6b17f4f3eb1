// SPDX-License-Identifier: Apache-2.0
// Decides for each object that a service is meant for whether the service can be given, and with which FPMs.

import type { Reason } from '../model/desired.js';
import { holds } from '../model/evaluated.js';
import type { TnaObject } from '../model/graph.js';
import type { Hook, RuleSet, Scope, ServiceRule } from '../model/ruleset.js';
import { reasonsOf } from './conditions.js';
import { bindScope, type GraphIndex } from './scope.js';

/** A service on one object. */
export interface ServiceInstance {
  readonly service: ServiceRule;
  readonly subject: TnaObject;
  readonly scope: Scope;
  /** Id of the object that the subject shares with those that its frames go to; undefined when they may go anywhere. */
  readonly shared: string | undefined;
  /** Empty when the service can be given. */
  readonly reasons: readonly Reason[];
  /** Why it had better not run at a hook that it could run at. */
  readonly avoid: ReadonlyMap<Hook, readonly Reason[]>;
}

/** Instances of all services, in rule then object order. */
export function serviceInstances(rules: RuleSet, index: GraphIndex): readonly ServiceInstance[] {
  return rules.services.flatMap((service) =>
    index.ofType(service.on).flatMap((subject): ServiceInstance | readonly ServiceInstance[] => {
      const bound = bindScope(index, service.variable, subject, service.bindings);
      if ('missing' in bound) {
        const reasons = against(service, [
          { code: 'incomplete', message: `${subject.label} has no ${bound.missing}, which ${service.name} depends on` },
        ]);
        return { service, subject, scope: {}, shared: undefined, reasons, avoid: new Map() };
      }
      const { scope, objects, doubt } = bound;
      const meant = holds(service.when, scope);
      if (meant === false) return [];
      const reasons = against(service, [
        ...(doubt === undefined ? [] : [doubt]),
        ...(meant === true ? [] : [meant]),
        ...reasonsOf(service.requires, scope, objects),
        ...reasonsOf(service.blockedBy, scope, objects),
      ]);
      const shared = service.between === undefined ? undefined : objects.get(service.between)?.id;
      const avoid = new Map(
        [...service.avoid].map(([hook, conditions]) => [hook, against(service, reasonsOf(conditions, scope, objects))]),
      );
      return { service, subject, scope, shared, reasons, avoid };
    }),
  );
}

/** Whether it runs at the hook, of a device for which `wish` is the hook that the user insists on. */
export function runsAt(instance: ServiceInstance, hook: Hook, wish: Hook | undefined): boolean {
  return instance.service.hooks.includes(hook) && avoidedAt(instance, hook, wish).length === 0;
}

/** Why it stands back at a hook that it could run at. */
export function avoidedAt({ avoid }: ServiceInstance, hook: Hook, wish: Hook | undefined): readonly Reason[] {
  return wish === hook ? [] : (avoid.get(hook) ?? []);
}

/** The reasons, each with the service that it speaks against. */
export function against(service: ServiceRule, reasons: readonly Reason[]): readonly Reason[] {
  return reasons.map((reason) => ({ ...reason, services: [service.name] }));
}
