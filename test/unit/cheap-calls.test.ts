// SPDX-License-Identifier: Apache-2.0
// On which processors routing at tc is left to Linux: by the words in which kernels tell of their mitigations.

import { join } from 'node:path';
import t from 'tap';
import { readFpmLibrary } from '../../src/platform/fpm-library.js';
import { rulesDirectory } from '../../src/platform/package-paths.js';
import { readRecording } from '../../src/platform/recording.js';
import { readRuleFiles } from '../../src/platform/rule-files.js';
import { derive } from '../../src/reconcile/derive.js';
import { compileRules } from '../../src/rules/index.js';
import { libraryDirectory, scenariosDirectory } from '../support/scenarios/files.js';

const directory = 'devices/system/cpu/vulnerabilities';
const enhanced = 'Mitigation: Enhanced / Automatic IBRS; IBPB: conditional; RSB filling; PBRSB-eIBRS: Not affected';
const off = 'Vulnerable; IBPB: disabled; STIBP: disabled; PBRSB-eIBRS: Vulnerable; BHI: Vulnerable';
const retpolines = 'Mitigation: Retpolines; IBPB: conditional; IBRS_FW; STIBP: disabled; RSB filling';

interface Processor {
  readonly what: string;
  /** By file; one that is not named does not exist. */
  readonly says: { readonly [file: string]: string };
  readonly routesAtTc: boolean;
}

/** Words of arch/x86/kernel/cpu/bugs.c (spectre_v2_strings, retbleed_strings, srso_strings, its_strings). */
const processors: readonly Processor[] = [
  { what: 'a kernel that says nothing', says: {}, routesAtTc: true },
  { what: 'indirect calls by retpolines', says: { spectre_v2: retpolines }, routesAtTc: true },
  {
    what: 'untrained return thunks',
    says: { spectre_v2: retpolines, retbleed: 'Mitigation: untrained return thunk; SMT disabled' },
    routesAtTc: true,
  },
  {
    what: 'safe returns',
    says: { spectre_v2: enhanced, retbleed: 'Not affected', spec_rstack_overflow: 'Mitigation: Safe RET' },
    routesAtTc: true,
  },
  {
    what: 'safe returns without microcode',
    says: { spectre_v2: enhanced, spec_rstack_overflow: 'Vulnerable: Safe RET, no microcode' },
    routesAtTc: true,
  },
  { what: 'call depth tracking', says: { spectre_v2: enhanced, retbleed: 'Mitigation: Stuffing' }, routesAtTc: true },
  {
    what: 'aligned return thunks',
    says: { spectre_v2: enhanced, indirect_target_selection: 'Mitigation: Aligned branch/return thunks' },
    routesAtTc: true,
  },
  {
    what: 'nothing that makes calls dear',
    says: {
      ...{ spectre_v2: enhanced, retbleed: 'Not affected', spec_rstack_overflow: 'Not affected' },
      indirect_target_selection: 'Not affected',
    },
    routesAtTc: false,
  },
  { what: 'mitigations switched off', says: { spectre_v2: off, retbleed: 'Vulnerable' }, routesAtTc: false },
  { what: 'an old kernel', says: { spectre_v2: enhanced }, routesAtTc: false },
  {
    what: 'fences before indirect calls',
    says: { spectre_v2: 'Mitigation: Enhanced / Automatic IBRS + LFENCE; IBPB: conditional' },
    routesAtTc: true,
  },
  {
    what: 'another architecture',
    says: { spectre_v2: 'Mitigation: CSV2, BHB', retbleed: 'Not affected' },
    routesAtTc: true,
  },
];

t.test('routing at tc stands back where functions are called cheaply', async (t) => {
  const library = await readFpmLibrary(libraryDirectory);
  const compiled = compileRules(readRuleFiles(rulesDirectory()), library);
  if ('errors' in compiled) throw new Error(compiled.errors.map((error) => error.text).join('\n'));
  const domain = { rules: compiled.ruleSet, library };
  const recording = readRecording(join(scenariosDirectory, 'router-both/snapshot.json'));
  for (const { what, says, routesAtTc } of processors) {
    const sysfs = Object.fromEntries(Object.entries(says).map(([file, text]) => [`${directory}/${file}`, text]));
    const { desired } = derive(domain, { ...recording, sysfs }, new Map());
    const [e1] = desired.interfaces.filter(({ name }) => name === 'e1');
    t.equal(e1?.pipeline?.hook, routesAtTc ? 'tc' : undefined, what);
    const against = e1?.reasons.find(({ code }) => code === 'tc-no-gain');
    t.same(against?.services, routesAtTc ? undefined : ['ip4_routing', 'ip6_routing'], `${what}: which services`);
  }
});
