// SPDX-License-Identifier: Apache-2.0
// Records the golden scenarios anew, from real devices in namespaces of their own (root). Arguments are names; none means all.
// Goldens follow with `UPDATE=1 node dist/test/scenario/scenarios.test.js`.

import { writeFileSync } from 'node:fs';
import { lines, listScenarios, recordingDepths, writeFixedLibrary } from './scenarios/files.js';
import { Recorder } from './scenarios/recorder.js';

const names = process.argv.slice(2);
const scenarios = listScenarios();
const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name));
if (unknown.length > 0) throw new Error(`there is no scenario ${unknown.join(', ')}`);
writeFixedLibrary();
const recorder = await Recorder.make();
for (const scenario of scenarios.filter(({ name }) => names.length === 0 || names.includes(name))) {
  writeFileSync(scenario.recording, lines(await recorder.record(scenario), 1, recordingDepths));
  console.log(`recorded ${scenario.name}`);
}
recorder.close();
