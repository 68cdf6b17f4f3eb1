// SPDX-License-Identifier: Apache-2.0
// beside OBJECT PINS FROM TO MARK PRIORITY TC_INDEX: what leaves by the device FROM is given these; what arrives at TO is looked at.
// Run in the namespace of both devices; the programs live as long as their pins.

import { join } from 'node:path';
import { BpfLink, BpfObject } from 'bpf-loader-native';
import { run } from './command.js';

const [file = '', pins = '', from = '', to = '', ...values] = process.argv.slice(2);
const [mark = 0, priority = 0, tc_index = 0] = values.map(Number);

async function ifindexOf(name: string): Promise<number> {
  const [link] = JSON.parse(await run('ip', ['-j', 'link', 'show', 'dev', name])) as { readonly ifindex: number }[];
  if (link === undefined) throw new Error(`there is no device ${name}`);
  return link.ifindex;
}

const object = await BpfObject.open(file);
for (const [name, value] of Object.entries({ mark, priority, tc_index })) object.setRodata(name, value);
await object.load();
for (const [name, direction, program] of [
  [from, 'egress', 'give'],
  [to, 'ingress', 'look'],
] as const) {
  const link = await BpfLink.attachTcx({ ifindex: await ifindexOf(name), direction, program: object.program(program) });
  link.pin(join(pins, program));
  link.close();
}
object.map('beside').pin(join(pins, 'beside'));
object.close();
