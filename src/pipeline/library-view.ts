// SPDX-License-Identifier: Apache-2.0
// The FPM library as the assembler asks it. Answers are kept: thousands of interfaces ask the same few questions.

import { createHash } from 'node:crypto';
import { loadedKernelModules, remedy } from '../library/kernels.js';
import type { Pipeline, Reason } from '../model/desired.js';
import { alternatives, type FpmLibrary } from '../model/library.js';
import type { Hook } from '../model/ruleset.js';
import type { Capability } from '../model/snapshot.js';

export type Params = { readonly [param: string]: number };

export interface LibraryView {
  /** Why these FPMs cannot run at this hook of this kernel; empty when they can. Kept by the identity of the list. */
  against(hook: Hook, fpms: readonly string[]): readonly Reason[];
  /** Whether the FPM only watches for what must not be there. */
  isGuard(fpm: string): boolean;
  /** The pipeline of these FPMs, which may come in any order. */
  pipeline(hook: Hook, fpms: ReadonlyMap<string, Params>): Pipeline;
}

export function viewLibrary(library: FpmLibrary, capabilities: readonly Capability[]): LibraryView {
  const modules = new Map(library.modules.map((module) => [module.name, module]));
  const answers = new Map(capabilities.map((capability) => [capability.probe, capability]));
  const loaded = loadedKernelModules(library.kernels, capabilities);

  const reasonsAgainst = (hook: Hook, name: string): Reason[] => {
    const module = modules.get(name);
    if (module === undefined) return [{ code: 'fpm-missing', message: `the FPM library has no ${name}` }];
    if (!module.hooks.includes(hook)) return [{ code: 'fpm-hook', message: `FPM ${name} cannot run at ${hook}` }];
    return module.needs.flatMap((need) => {
      const probes = alternatives(need);
      const asked = probes.map((probe) => answers.get(probe));
      if (asked.some((answer) => answer?.answer === 'yes')) return [];
      const lacks = asked.every((answer) => answer?.answer === 'no') ? 'lacks' : 'may lack';
      const evidence = asked.map((answer) => answer?.evidence ?? 'it was not asked').join('; ');
      const message = `this kernel ${lacks} ${probes.join(' and ')}, ${probes.length === 1 ? '' : 'one of '}which FPM ${name} needs: ${evidence}`;
      const hint = remedy(library.kernels, probes);
      return [{ code: 'kernel-lacks', message, ...(hint === undefined ? {} : { hint }) }];
    });
  };
  const orderOf = (name: string) => modules.get(name)?.order ?? 0;
  const inOrder = (fpms: ReadonlyMap<string, Params>) =>
    new Map([...fpms].sort(([a], [b]) => orderOf(a) - orderOf(b) || (a < b ? -1 : 1)));
  const against = { xdp: new WeakMap<readonly string[], readonly Reason[]>(), tc: new WeakMap() };
  return {
    against: (hook, fpms) => {
      let reasons = against[hook].get(fpms);
      if (reasons === undefined) {
        reasons = fpms.flatMap((name) => reasonsAgainst(hook, name));
        against[hook].set(fpms, reasons);
      }
      return reasons;
    },
    isGuard: (fpm) => modules.get(fpm)?.guard === true,
    pipeline: (hook, fpms) => makePipeline(library.hash, hook, inOrder(fpms), loaded),
  };
}

/**
 * FPMs in their order. The identity says what will run: the library as built, the hook, FPMs and parameters, and the loadings of kernel
 * modules that the program will find. It is made anew for others: it would neither see a module that came after it, nor find one that was
 * loaded again, at other addresses.
 */
export function makePipeline(
  libraryHash: string,
  hook: Hook,
  fpms: ReadonlyMap<string, Params>,
  loaded: ReturnType<typeof loadedKernelModules> = [],
): Pipeline {
  const withParams = [...fpms].filter(([, params]) => Object.keys(params).length > 0);
  const params = Object.fromEntries(
    withParams.map(([name, values]) => [name, Object.fromEntries(Object.entries(values).sort())]),
  );
  const body = { hook, modules: [...fpms.keys()], params };
  const digest = createHash('sha256')
    .update(JSON.stringify(loaded.length === 0 ? [libraryHash, body] : [libraryHash, body, loaded]))
    .digest('hex');
  return { id: digest.slice(0, 12), ...body };
}
