// SPDX-License-Identifier: Apache-2.0
// Which FPMs the services of an interface want together, and with which parameters.

import type { Reason } from '../model/desired.js';
import { evaluated, holds } from '../model/evaluated.js';
import { type FpmLibrary, type FpmModule, paramHolds } from '../model/library.js';
import type { Hook, ModuleRule, Scope, ServiceRule } from '../model/ruleset.js';
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
  | Conflict;

/** Why there is no pipeline with all of it. */
interface Conflict {
  readonly conflict: Reason;
}

/** Of thousands of interfaces most want the same, so that it is worked out once. */
export class WantedFpms {
  private readonly known = new Map<string, Wanted>();
  /** Asked several times for each hook, and the conditions of modules may look at all devices. */
  private readonly sorts = new WeakMap<ServiceInstance, string>();
  private readonly declared: ReadonlyMap<string, FpmModule['params']>;

  constructor(library: FpmLibrary) {
    this.declared = new Map(library.modules.map(({ name, params }) => [name, params]));
  }

  /** At a hook that all of them run at. */
  of(active: readonly ServiceInstance[], hook: Hook): Wanted {
    const key = [hook, ...active.map((instance) => this.sort(instance))].join(' ');
    let wanted = this.known.get(key);
    if (wanted === undefined) {
      wanted = this.union(key, active, hook);
      this.known.set(key, wanted);
    }
    return wanted;
  }

  private sort(instance: ServiceInstance): string {
    let sort = this.sorts.get(instance);
    if (sort === undefined) {
      sort = sortOf(instance);
      this.sorts.set(instance, sort);
    }
    return sort;
  }

  /** The union of the FPMs of all services, with parameters; two services that want one FPM differently are a conflict. */
  private union(key: string, active: readonly ServiceInstance[], hook: Hook): Wanted {
    const fpms = new Map<string, Params>();
    for (const { service, scope } of active) {
      for (const module of service.modules) {
        if (!module.hooks.includes(hook)) continue;
        const wants = holds(module.when, scope);
        if (wants === false) continue;
        if (wants !== true) return { conflict: wants };
        const { fpm } = module;
        const params = this.paramsOf(module, scope);
        if ('conflict' in params) return params;
        const before = fpms.get(fpm);
        if (before !== undefined && JSON.stringify(before) !== JSON.stringify(params.values))
          return { conflict: { code: 'param-conflict', message: `services disagree on the parameters of FPM ${fpm}` } };
        fpms.set(fpm, Object.keys(params.values).length === 0 ? noParams : params.values);
      }
    }
    return { key, fpms, names: [...fpms.keys()] };
  }

  private paramsOf({ fpm, params: rules }: ModuleRule, scope: Scope): { readonly values: Params } | Conflict {
    const values: { [param: string]: number } = {};
    for (const [name, expression] of Object.entries(rules).sort(([a], [b]) => (a < b ? -1 : 1))) {
      const said = evaluated(expression, scope);
      if ('doubt' in said) return { conflict: said.doubt };
      const { value } = said;
      if (typeof value !== 'number' && typeof value !== 'boolean') {
        const message = `parameter ${name} of FPM ${fpm} is neither a number nor a truth value`;
        return { conflict: { code: 'param-type', message } };
      }
      const type = this.declared.get(fpm)?.[name]?.type;
      if (type !== undefined && !paramHolds(type, value)) {
        const message = `parameter ${name} of FPM ${fpm} would be ${value}, which is not a ${type}`;
        return { conflict: { code: 'param-range', message } };
      }
      values[name] = Number(value);
    }
    return { values };
  }
}

const noParams: Params = {};

/** The service with all that its scope decides about its modules. */
function sortOf({ service, scope }: ServiceInstance): string {
  let sort = service.name;
  for (const { when, params } of changeable(service)) {
    if (when !== undefined) sort += shown(holds(when, scope));
    for (const expression of Object.values(params)) sort += `,${shownValue(evaluated(expression, scope))}`;
  }
  return sort;
}

function shown(holding: boolean | Reason): string {
  return holding === true ? '+' : holding === false ? '-' : `?${holding.message}`;
}

function shownValue(said: ReturnType<typeof evaluated>): string {
  return 'doubt' in said ? `?${said.doubt.message}` : String(said.value);
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
