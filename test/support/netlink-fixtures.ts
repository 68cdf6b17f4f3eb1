// SPDX-License-Identifier: Apache-2.0
// Recorded netlink messages: fixtures/netlink/NAME.hex holds a comment, the request and the messages of the answer.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const directory = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'fixtures', 'netlink');

export interface Recording {
  readonly name: string;
  /** The first word of the comment: the spec. */
  readonly spec: string;
  readonly request: Uint8Array;
  readonly answer: readonly Uint8Array[];
}

export function recording(name: string): Recording {
  const [comment = '', ...lines] = readFileSync(join(directory, `${name}.hex`), 'utf8')
    .trimEnd()
    .split('\n');
  const [request = new Uint8Array(), ...answer] = lines.map((line) => new Uint8Array(Buffer.from(line, 'hex')));
  return { name, spec: comment.split(' ')[1] ?? '', request, answer };
}

/** All recordings of answers from the kernel. */
export function recordings(): Recording[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.hex'))
    .sort()
    .map((file) => recording(file.slice(0, -'.hex'.length)))
    .filter(({ answer }) => answer.length > 0);
}
