// SPDX-License-Identifier: Apache-2.0
// The architecture as a test: which folder may import what (docs/design.md, "Data flow").

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const src = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'src');
const stages = ['rules', 'observe', 'objects', 'graph', 'pipeline', 'plan', 'apply', 'report'];
/** What `src/cli` asks for directly; all the others are called in their order by `src/reconcile`. */
const asked = ['rules', 'pipeline', 'report'];
const workspaces = ['netlink-ts', 'bpf-loader-native'];
/** Folders of `src` that each folder may import from, besides itself. */
const allowed: { readonly [folder: string]: readonly string[] } = {
  model: [],
  library: ['model'],
  ...Object.fromEntries(stages.map((stage) => [stage, ['model']])),
  pipeline: ['model', 'library'],
  reconcile: ['model', 'library', ...stages],
  platform: ['model', 'library'],
  cli: ['model', 'library', ...asked, 'reconcile', 'platform'],
  '': ['model', 'cli', 'platform'],
};
/** Modules of Node that compute only. */
const pureNode = ['node:crypto'];
const effectful = ['platform'];

interface Import {
  readonly file: string;
  readonly folder: string;
  readonly target: string;
}

function sources(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules') && !name.includes('/dist/'))
    .map((name) => join(directory, name));
}

/** All static and dynamic imports and re-exports of a file. */
function importsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8').replace(/^\s*\/\/.*$/gm, '');
  return [...text.matchAll(/(?:from\s*|import\s*\(\s*|import\s+)['"]([^'"]+)['"]/g)].map((match) => match[1] as string);
}

function folderOf(file: string): string {
  const path = relative(src, file).split('/');
  return path.length === 1 ? '' : (path[0] as string);
}

const all: readonly Import[] = sources(src)
  .filter((file) => !workspaces.includes(folderOf(file)))
  .flatMap((file) => importsOf(file).map((target) => ({ file: relative(src, file), folder: folderOf(file), target })));

t.test('folders import only what the design allows', async (t) => {
  t.ok(all.length > 100, 'imports were found');
  for (const { file, folder, target } of all.filter((i) => i.target.startsWith('.'))) {
    const to = folderOf(join(src, dirname(file), target));
    if (to !== folder) t.ok(allowed[folder]?.includes(to), `${file} imports ${target}`);
  }
});

t.test('only platform reaches the workspaces and Node', async (t) => {
  for (const { file, folder, target } of all) {
    if (workspaces.includes(target)) t.equal(folder, 'platform', `${file} imports ${target}`);
    if (target.startsWith('node:') && !pureNode.includes(target))
      t.ok(effectful.includes(folder), `${file} imports ${target}`);
  }
  for (const file of sources(src).filter((f) => [...stages, 'model', 'library'].includes(folderOf(f)))) {
    t.notMatch(
      readFileSync(file, 'utf8'),
      /\b(process\.|Date\.now|new Date\(|Math\.random|performance\.|setTimeout)/,
      `${relative(src, file)} has no clock, environment or chance`,
    );
  }
});

t.test('the workspaces know nothing of TNA', async (t) => {
  for (const workspace of workspaces) {
    for (const file of sources(join(src, workspace, 'lib'))) {
      for (const target of importsOf(file).filter((i) => i.startsWith('.')))
        t.ok(
          !relative(join(src, workspace), join(dirname(file), target)).startsWith('..'),
          `${relative(src, file)} imports ${target}`,
        );
    }
  }
});

t.test('nobody asks for the time of day, which may jump', async (t) => {
  for (const file of sources(src))
    t.notMatch(readFileSync(file, 'utf8').replace(/^\s*\/\/.*$/gm, ''), /\bDate\b/, relative(src, file));
});

t.test('subsystem knowledge lives in rules and FPMs', async (t) => {
  for (const file of sources(src).filter((f) => !workspaces.includes(folderOf(f))))
    t.notMatch(
      readFileSync(file, 'utf8'),
      /['"`](bridge|vlan|veth|vrf|vxlan|bond|team|macvlan|tun|tap|dummy|netkit|route|neigh|fdb)['"`]/,
      relative(src, file),
    );
});
