// SPDX-License-Identifier: Apache-2.0
// Which FPMs the services of an interface want together, and with which parameters.

import type { Reason } from '../model/desired.js';
import type { ModuleRule, ServiceRule, Value } from '../model/ruleset.js';
import type { Params } from './library-view.js';
import type { ServiceInstance } from './services.js';

/** One sort of interface. Interfaces of one sort share the object. */
export type Wanted =
  | {
      /** Tells sorts apart. */
      readonly key: string;
      readonly fpms: ReadonlyMap<string, Params>;
      readonly names: readonly string[];
    }
  | { readonly conflict: Reason };

/** Of thousands of interfaces most want the same, so that it is worked out once. */
export class WantedFpms {
  private readonly known = new Map<string, Wanted>();

  of(active: readonly ServiceInstance[]): Wanted {
    const key = active.map(sortOf).join(' ');
    let wanted = this.known.get(key);
    if (wanted === undefined) {
      wanted = union(key, active);
      this.known.set(key, wanted);
    }
    return wanted;
  }
}

const noParams: Params = {};

/** The service with all that its scope decides about its modules. */
function sortOf({ service, scope }: ServiceInstance): string {
  let sort = service.name;
  for (const { when, params } of changeable(service)) {
    if (when !== undefined) sort += when.evaluate(scope) === true ? '+' : '-';
    for (const name in params) sort += `,${params[name]?.evaluate(scope)}`;
  }
  return sort;
}

const changeableModules = new WeakMap<ServiceRule, readonly ModuleRule[]>();

/** Modules that not every interface with the service wants alike. */
function changeable(service: ServiceRule): readonly ModuleRule[] {
  let modules = changeableModules.get(service);
  if (modules === undefined) {
    modules = service.modules.filter(({ when, params }) => when !== undefined || Object.keys(params).length > 0);
    changeableModules.set(service, modules);
  }
  return modules;
}

/** The union of the FPMs of all services, with parameters; two services that want one FPM differently are a conflict. */
function union(key: string, active: readonly ServiceInstance[]): Wanted {
  const fpms = new Map<string, Params>();
  for (const { service, scope } of active) {
    for (const { fpm, when, params: rules } of service.modules) {
      if (when !== undefined && when.evaluate(scope) !== true) continue;
      const params: { [param: string]: number } = {};
      for (const [name, expression] of Object.entries(rules).sort(([a], [b]) => (a < b ? -1 : 1))) {
        const value: Value = expression.evaluate(scope);
        if (typeof value !== 'number' && typeof value !== 'boolean') {
          const message = `parameter ${name} of FPM ${fpm} is neither a number nor a truth value`;
          return { conflict: { code: 'param-type', message } };
        }
        params[name] = Number(value);
      }
      const before = fpms.get(fpm);
      if (before !== undefined && JSON.stringify(before) !== JSON.stringify(params))
        return { conflict: { code: 'param-conflict', message: `services disagree on the parameters of FPM ${fpm}` } };
      fpms.set(fpm, Object.keys(params).length === 0 ? noParams : params);
    }
  }
  return { key, fpms, names: [...fpms.keys()] };
}
