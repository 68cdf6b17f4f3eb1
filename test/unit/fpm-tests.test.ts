// SPDX-License-Identifier: Apache-2.0
// No FPM comes without a test that looks for its reasons.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { testedIn } from '../fpm/every-reason.js';
import { root } from '../support/scenarios/files.js';

t.test('each FPM is one of which some test reaches the reasons', async (t) => {
  const manifests = readdirSync(join(root, 'fpm/modules')).filter((name) => name.endsWith('.yaml'));
  const tested = Object.values(testedIn).flat();
  t.same([...tested].sort(), manifests.map((name) => name.replace('.yaml', '')).sort());
});
