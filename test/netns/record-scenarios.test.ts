// SPDX-License-Identifier: Apache-2.0
// The golden scenarios can be recorded anew at any time, and what comes out is what is stored.

import t from 'tap';
import { readFpmLibrary } from '../../src/platform/fpm-library.js';
import { rulesDirectory } from '../../src/platform/package-paths.js';
import { readRecording } from '../../src/platform/recording.js';
import { readRuleFiles } from '../../src/platform/rule-files.js';
import { derive } from '../../src/reconcile/derive.js';
import { planJson } from '../../src/report/plan.js';
import { compileRules } from '../../src/rules/index.js';
import { patience } from '../support/lab/patience.js';
import { hooksOf, libraryDirectory, listScenarios } from '../support/scenarios/files.js';
import { Recorder } from '../support/scenarios/recorder.js';

t.setTimeout(300_000 * patience);

t.test('recorded anew, scenarios with something deployed are what is stored', async (t) => {
  const library = await readFpmLibrary(libraryDirectory);
  const compiled = compileRules(readRuleFiles(rulesDirectory()), library);
  if ('errors' in compiled) throw new Error(compiled.errors.map((error) => error.text).join('\n'));
  const domain = { rules: compiled.ruleSet, library };
  const recorder = await Recorder.make();
  t.teardown(() => recorder.close());
  // One at each hook. Other kernels than the one that is stored say more or less of a device, so only what matters is compared.
  for (const name of ['already-deployed', 'hook-change']) {
    const scenario = listScenarios().find((one) => one.name === name);
    if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
    const stored = readRecording(scenario.recording);
    const anew = JSON.parse(JSON.stringify(await recorder.record(scenario))) as typeof stored;
    t.ok(stored.deployed.pipelines.length > 0, `${name}: something is deployed`);
    t.same(anew.deployed, stored.deployed, `${name}: the same is deployed`);
    t.same(
      planJson(derive(domain, anew, hooksOf(scenario)).plan),
      planJson(derive(domain, stored, hooksOf(scenario)).plan),
      `${name}: and the same is planned`,
    );
  }
});
