// SPDX-License-Identifier: Apache-2.0
// The real command line, except that it notes each pipeline that it loads, as a line of JSON in the file $PIPELINES: what runs tells
// only a pipeline's identity, and that depends on the library as built.

import { appendFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Pipeline } from '../../../src/model/desired.js';
import { LiveHost } from '../../../src/platform/live-host.js';

// The command line in its modules: the bundle would bring a LiveHost of its own.
const main = join(dirname(fileURLToPath(import.meta.url)), '../../../src/main.js');
const file = process.env.PIPELINES;
if (file === undefined) throw new Error('PIPELINES must name a file');

const { load } = LiveHost.prototype;
LiveHost.prototype.load = function (this: LiveHost, pipeline: Pipeline): Promise<void> {
  appendFileSync(file, `${JSON.stringify(pipeline)}\n`);
  return load.call(this, pipeline);
};
process.argv[1] = main;
await import(main);
