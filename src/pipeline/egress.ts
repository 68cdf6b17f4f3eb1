// SPDX-License-Identifier: Apache-2.0
// Where frames can go by a hook that needs a handle of each device that it sends to: a pipeline whose frames all stay behind
// is none.

import type { Reason } from '../model/desired.js';
import { type ForcedHooks, forcedHook } from '../model/forced-hooks.js';
import type { TnaObject } from '../model/graph.js';
import type { AttachRule, Hook, HookRule } from '../model/ruleset.js';
import { reasonsOf } from './conditions.js';
import { bindScope, type GraphIndex } from './scope.js';
import { runsAt, type ServiceInstance } from './services.js';

/** A device with the services that are meant for it, if there are any. */
export interface Served {
  readonly device: TnaObject;
  readonly rule: AttachRule;
  readonly instances: readonly ServiceInstance[];
}

interface Judgement {
  /** Why frames must not be sent out of the device now. */
  readonly reasons: readonly Reason[];
  /** Whether that is so even once a program is attached to it. */
  readonly final: boolean;
}

/** The served devices as destinations. Nothing is evaluated before it is asked for. */
export class EgressDevices {
  private grouped: ReadonlyMap<string, readonly Served[]> | undefined;
  private readonly judged = new Map<string, Judgement>();

  constructor(
    private readonly served: readonly Served[],
    private readonly index: GraphIndex,
    private readonly forced: ForcedHooks,
  ) {}

  /** Why frames must not be sent out of the device. */
  reasons(served: Served): readonly Reason[] {
    return this.judge(served).reasons;
  }

  /** Why a pipeline on the device would forward nothing by this hook; undefined when it can forward. */
  against(from: Served, { hook, transmit }: HookRule): Reason | undefined {
    if (transmit === undefined) return undefined;
    const name = from.device.label;
    let first: Reason | undefined;
    for (const other of this.destinations(from, hook)) {
      const { reasons, final } = this.judge(other);
      if (!final) return undefined;
      first ??= reasons[0];
    }
    const code = `${hook}-no-egress`;
    if (first === undefined) return { code, message: `there is no device that frames from ${name} could go to` };
    const message = `no device that frames from ${name} go to can be sent ${hook.toUpperCase()} frames: ${first.message}`;
    return { code, message, ...(first.hint === undefined ? {} : { hint: first.hint }) };
  }

  /** Where frames of these devices can go by the hook, themselves included: what only others could reach needs no handle. */
  reachable(from: readonly Served[], hook: Hook): readonly Served[] {
    const groups = new Set(from.flatMap((one) => this.groups(one, hook)));
    const found = new Set([...groups].flat());
    return this.served.filter((one) => found.has(one));
  }

  /** One after the other: of thousands, the first one will do as a rule. */
  private *destinations(from: Served, hook: Hook): Iterable<Served> {
    for (const group of this.groups(from, hook))
      for (const other of group) if (group === this.served || other.device !== from.device) yield other;
  }

  /** The groups that the services at the hook name, or all served devices. Thousands of devices may share one, so none is copied. */
  private groups(from: Served, hook: Hook): readonly (readonly Served[])[] {
    const wish = forcedHook(this.forced, from.device.label);
    const active = from.instances.filter((one) => one.reasons.length === 0 && runsAt(one, hook, wish));
    if (active.some(({ shared }) => shared === undefined)) return [this.served];
    this.grouped ??= groupServed(this.served);
    return active.flatMap((instance) => {
      const group = this.grouped?.get(groupOf(instance));
      return group === undefined ? [] : [group];
    });
  }

  private judge({ device, rule }: Served): Judgement {
    const known = this.judged.get(device.id);
    if (known !== undefined) return known;
    const judgement = judge(device, rule, this.index);
    this.judged.set(device.id, judgement);
    return judgement;
  }
}

function judge(device: TnaObject, rule: AttachRule, index: GraphIndex): Judgement {
  const bound = bindScope(index, rule.variable, device, rule.bindings);
  if ('missing' in bound)
    return { reasons: [{ code: 'incomplete', message: `${device.label} has no ${bound.missing}` }], final: true };
  if (bound.doubt !== undefined) return { reasons: [bound.doubt], final: true };
  const conditions = rule.hooks.flatMap(({ transmit }) => transmit ?? []);
  const holding = conditions.filter((condition) => condition.holds(bound.scope));
  return {
    reasons: reasonsOf(holding, bound.scope, bound.objects),
    final: holding.some(({ provisional }) => !provisional),
  };
}

function groupServed(served: readonly Served[]): ReadonlyMap<string, readonly Served[]> {
  const groups = new Map<string, Served[]>();
  for (const one of served) {
    for (const instance of one.instances) {
      const group = groups.get(groupOf(instance));
      if (group === undefined) groups.set(groupOf(instance), [one]);
      else group.push(one);
    }
  }
  return groups;
}

function groupOf({ service, shared }: ServiceInstance): string {
  return `${service.name} ${shared}`;
}
