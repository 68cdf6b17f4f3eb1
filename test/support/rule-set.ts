// SPDX-License-Identifier: Apache-2.0
// Rule sets and libraries of a test, from as little text as it needs.

import type { FpmLibrary, FpmModule } from '../../src/model/library.js';
import type { RuleSet } from '../../src/model/ruleset.js';
import { compileRules } from '../../src/rules/index.js';

/** Compiles the body of one rule file; the three lines that every file begins with are added. */
export function ruleSet(body: string, library?: FpmLibrary): RuleSet {
  const text = `apiVersion: tna/v1\nsubsystem: test\nsummary: A test.\n${body}`;
  const compiled = compileRules([{ path: 'test.yaml', text }], library);
  if ('errors' in compiled) throw new Error(compiled.errors.map((error) => error.text).join('\n'));
  return compiled.ruleSet;
}

/** A module that runs at both hooks and needs nothing, changed as the test likes. */
export function fpm(name: string, changes: Partial<FpmModule> = {}): FpmModule {
  return {
    ...{ name, order: 100, hooks: ['xdp', 'tc'], summary: '', reproduces: [], guard: false },
    ...{ params: {}, needs: [], reasons: [] },
    ...changes,
  };
}

export function libraryOf(...modules: readonly FpmModule[]): FpmLibrary {
  const hook = (name: string) => ({
    compositions: [],
    objects: { cast: `/none/tna_${name}.bpf.o` },
    program: `tna_${name}`,
    dispatcher: { object: `/none/dispatcher_${name}.bpf.o`, program: `tna_dispatch_${name}` },
  });
  return {
    version: 1,
    hash: '0'.repeat(64),
    hooks: { xdp: hook('xdp'), tc: hook('tc') },
    compositions: [],
    lease: { object: '/none/lease.bpf.o', program: 'tna_lease_renew' },
    modules,
    kernels: { windows: [{ name: 'cast', summary: '', needs: [] }], capabilities: [] },
    counters: { slots: 256, fastId: 0, dropId: 1, endId: 2 },
  };
}
