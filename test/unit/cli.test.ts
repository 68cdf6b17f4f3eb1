// SPDX-License-Identifier: Apache-2.0
// The command line as scripts and people meet it: exit codes, usage errors, messages without stack traces, colours, pipes.
// Runs the compiled program as a process of its own, unprivileged and on recordings.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import t from 'tap';
import { parseOptions } from '../../src/cli/options.js';
import { errorJson, errorText } from '../../src/cli/output.js';
import { TnaError } from '../../src/model/error.js';
import { nearest } from '../../src/model/nearest.js';
import { plain } from '../../src/report/table.js';
import { ruleTextKey } from '../../src/rules/known.js';
import { type CommandResult, tryRun } from '../support/lab/command.js';
import { libraryDirectory, main, root, scenariosDirectory } from '../support/scenarios/files.js';

const work = mkdtempSync(join(tmpdir(), 'tna-cli-'));
t.teardown(() => rmSync(work, { recursive: true, force: true }));
const recording = (name: string) => join(scenariosDirectory, name, 'snapshot.json');
const base = ['--library', libraryDirectory];

/** Runs tna; a process takes a third of a second, so tests start theirs at once and wait together. */
function tna(...args: readonly string[]): Promise<CommandResult> {
  return tryRun(process.execPath, [main, ...base, ...args], { timeout: 60_000 });
}

/** Waits for runs that were started together. */
async function all<K extends string>(
  runs: {
    readonly [name in K]: Promise<CommandResult>;
  },
): Promise<{ readonly [name in K]: CommandResult }> {
  const entries = Object.entries<Promise<CommandResult>>(runs);
  const results = await Promise.all(entries.map(async ([name, run]) => [name, await run] as const));
  return Object.fromEntries(results) as { readonly [name in K]: CommandResult };
}

function hasStack(stderr: string): boolean {
  return /\n\s+at |node:internal|\.c?js:\d/.test(stderr);
}

t.test('exit codes: 0 done, 1 error, 2 usage', async (t) => {
  const bridge = ['--from', recording('bridge')];
  const deployed = ['--from', recording('already-deployed')];
  const cases: readonly (readonly [number, ...string[]])[] = [
    [0, ...bridge, 'plan'],
    [0, ...deployed, 'plan', '--detailed-exitcode'],
    [2, ...bridge, 'plan', '--detailed-exitcode'],
    [0, ...bridge, 'reconcile', '--dry-run'],
    [0, 'rules', 'check'],
    [0, '--help'],
    [0, '--version'],
    [1, '--from', join(work, 'none.json'), 'plan'],
    [1, '--from', join(work, 'none.json'), 'plan', '--detailed-exitcode'],
    [1, '--rules', join(work, 'none'), 'plan'],
    [1, '--library', join(work, 'none'), 'plan'],
    [2],
    [2, 'plane'],
    [2, '--nonsense', 'plan'],
    [2, 'plan', '--nonsense'],
    [2, 'plan', '--lease', 'long'],
    [2, 'reconcile', '--once', '--lease', 'all'],
    [2, 'explain'],
    [2, '-o', 'xml', 'plan'],
    [2, '--hook', 'xpd', 'plan'],
    [2, ...bridge, 'graph', '--format', 'png'],
    [2, ...bridge, 'reconcile', '--once'],
    [2, ...bridge, 'detach'],
    [2, ...bridge, 'capabilities'],
  ];
  const results = await Promise.all(cases.map(([, ...args]) => tna(...args)));
  for (const [i, [code, ...args]] of cases.entries()) {
    const result = results[i] as CommandResult;
    const name = `tna ${args.map((arg) => arg.replace(/^.*\//, '')).join(' ')}`;
    t.equal(result.code, code, `${name} → ${code}${result.code === code ? '' : `: ${result.stderr}`}`);
    t.notOk(hasStack(result.stderr), `${name}: no stack trace`);
    if (code !== 0 && !args.includes('--detailed-exitcode')) t.not(result.stderr, '', `${name}: a message on stderr`);
    if (code === 0) t.equal(result.stderr, '', `${name}: nothing on stderr`);
  }
});

t.test('messages name the thing and what to do', async (t) => {
  writeFileSync(join(work, 'other.json'), '{"version":2}');
  writeFileSync(join(work, 'broken.json'), '{"version":');
  const from = ['--from', recording('bridge')];
  const { unknown, far, option, command, missing, broken, other, library } = await all({
    unknown: tna(...from, 'explain', 'p11'),
    far: tna(...from, 'explain', 'wlan0'),
    option: tna('--verbos', 'plan'),
    command: tna('plann'),
    missing: tna('--from', join(work, 'none.json'), 'plan'),
    broken: tna('--from', join(work, 'broken.json'), 'plan'),
    other: tna('--from', join(work, 'other.json'), 'plan'),
    library: tna('--library', work, 'plan'),
  });
  t.equal(unknown.stderr, 'tna: there is no interface p11 in this namespace\n  try: tna explain p1\n');
  t.equal(far.stderr, 'tna: there is no interface wlan0 in this namespace\n', 'no guess where nothing is near');
  t.equal(unknown.code, 1);
  t.match(option.stderr, /^tna: unknown option '--verbos'\n\(Did you mean --verbose\?\)/);
  t.match(command.stderr, /^tna: unknown command 'plann'\n\(Did you mean plan\?\)/);
  t.match(missing.stderr, /^tna: .*none\.json: cannot read the recording: ENOENT/);
  t.match(broken.stderr, /^tna: .*broken\.json: cannot read the recording: /);
  t.match(
    other.stderr,
    /^tna: .*other\.json: this is not a recording of version 1\n {2}try: make one with: tna record FILE\n$/,
  );
  t.match(library.stderr, /no built FPM library here\n {2}try: run `tna fpm build`\n$/);
  for (const [name, { stderr }] of Object.entries({ unknown, far, option, command, missing, broken, other, library }))
    t.ok(stderr.startsWith('tna: ') && !hasStack(stderr), `${name}: a message without a stack trace`);
});

t.test('files that cannot be read or written are ordinary mistakes', async (t) => {
  const { deployed, ...rest } = JSON.parse(readFileSync(recording('bridge'), 'utf8')) as object & {
    readonly deployed: object;
  };
  const part = join(work, 'part.json');
  writeFileSync(part, JSON.stringify({ ...rest, deployed: {} }));
  const odd = join(work, 'odd.json');
  writeFileSync(odd, JSON.stringify({ ...rest, deployed, sysfs: null }));
  const empty = join(work, 'empty');
  mkdirSync(empty);
  const { version } = JSON.parse(readFileSync(join(libraryDirectory, 'library.json'), 'utf8')) as { version: number };
  writeFileSync(join(empty, 'library.json'), JSON.stringify({ version, modules: [] }));
  const runs = await all({
    file: tna('--library', '/etc/passwd', 'rules', 'check'),
    empty: tna('--library', empty, 'rules', 'check'),
    modules: tna('fpm', 'build', '--fpm', join(work, 'none'), '--out', join(work, 'built')),
    proc: tna('fpm', 'build', '--out', '/proc/tna/library'),
    part: tna('--from', part, 'plan'),
    odd: tna('--from', odd, 'plan'),
  });
  t.match(runs.file.stderr, /^tna: \/etc\/passwd: no built FPM library here\n {2}try: run `tna fpm build`\n$/);
  t.match(runs.empty.stderr, /^tna: .*library\.json: built by another version\n/);
  t.match(runs.modules.stderr, /^tna: cannot build the FPM library: ENOENT: .*none'\n$/);
  t.match(runs.proc.stderr, /^tna: cannot build the FPM library: ENOENT: .*\/proc\/tna'\n$/);
  t.match(runs.part.stderr, /^tna: .*part\.json: parts of this recording are missing\n$/);
  t.match(runs.odd.stderr, /^tna: .*odd\.json: parts of this recording are missing\n$/);
  for (const [name, { code, stderr }] of Object.entries(runs)) t.same([code, hasStack(stderr)], [1, false], name);
});

t.test('an option that does nothing here says so, and help names all that a command takes', async (t) => {
  const from = ['--from', recording('bridge')];
  const { help, near, far, known } = await all({
    help: tna('plan', '--help'),
    near: tna(...from, '--hook', 'p11=xdp', 'plan'),
    far: tna(...from, '--hook', 'wlan0=xdp', 'reconcile', '--dry-run'),
    known: tna(...from, '--hook', 'p1=xdp', '--hook', 'tc', 'plan'),
  });
  for (const option of ['--output', '--netns', '--rules', '--library', '--from', '--hook', '--lease', '--verbose'])
    t.ok(help.stdout.includes(option), `help of plan: ${option}`);
  t.equal(near.stderr, 'tna: --hook p11=xdp: there is no interface p11; did you mean p1?\n');
  t.equal(far.stderr, 'tna: --hook wlan0=xdp: there is no interface wlan0\n');
  t.equal(known.stderr, '');
  t.same([near.code, far.code], [0, 0], 'the interface may come');
});

t.test('a recording that lacks what the rules ask for', async (t) => {
  const short = JSON.parse(readFileSync(recording('bridge'), 'utf8')) as { sources: object; absent: object };
  const file = join(work, 'short.json');
  const { qdiscs: _qdiscs, ...sources } = short.sources as { qdiscs?: unknown };
  writeFileSync(file, JSON.stringify({ ...short, sources }));
  const runs = await all({
    plan: tna('--from', file, 'plan'),
    status: tna('--from', file, '-o', 'json', 'status'),
    whole: tna('--from', recording('bridge'), 'plan'),
  });
  const line = 'tna: the recording has nothing of the source qdiscs, which is taken to be empty\n';
  const complete = JSON.parse(readFileSync(recording('gateway-vlans'), 'utf8')) as {
    readonly capabilities: readonly { readonly probe: string }[];
    readonly sysctls: object;
  };
  const [first, ...capabilities] = complete.capabilities;
  const sysctls = Object.entries(complete.sysctls);
  const less = join(work, 'less.json');
  writeFileSync(less, JSON.stringify({ ...complete, capabilities, sysctls: Object.fromEntries(sysctls.slice(1)) }));
  const none = join(work, 'no-sysctls.json');
  writeFileSync(none, JSON.stringify({ ...complete, sysctls: {} }));
  const other = await all({ less: tna('--from', less, 'plan'), none: tna('--from', none, 'plan') });
  t.equal(
    other.less.stderr,
    `tna: the recording has nothing of the probe ${first?.probe}, taken to be unanswered\n` +
      `tna: the recording has nothing of the sysctl ${sysctls[0]?.[0]}, taken to have the rules' default\n`,
  );
  t.match(other.none.stderr, ` and ${sysctls.length - 5} more, taken to have the rules' default`);
  t.same([runs.plan.stderr, runs.status.stderr, runs.whole.stderr], [line, line, '']);
});

t.test('broken rules: a line for each error, with its place; as JSON, too', async (t) => {
  const rules = join(work, 'rules');
  mkdirSync(rules);
  writeFileSync(
    join(rules, 'odd.yaml'),
    `apiVersion: tna/v1
subsystem: odd
summary: Rules with three errors.
sources:
  links: { spec: rt-link, dump: getlink, wanted: 1 }
objects:
  link:
    source: linkz
    key: ifindex
    label: ifindex
    when: link.ifindx > 1
    attributes:
      ifindex: { path: ifi_index, type: int }
`,
  );
  const { planned, checked, planJson, checkJson } = await all({
    planned: tna('--rules', rules, '--from', recording('bridge'), 'plan'),
    checked: tna('--rules', rules, 'rules', 'check'),
    planJson: tna('--rules', rules, '-o', 'json', '--from', recording('bridge'), 'plan'),
    checkJson: tna('--rules', rules, '-o', 'json', 'rules', 'check'),
  });
  const places = [/odd\.yaml:5:\d+: .*wanted/, /odd\.yaml:8:13: .*linkz.*links/, /odd\.yaml:11:\d+: .*ifindx.*ifindex/];
  const lines = planned.stderr.trimEnd().split('\n');
  t.match(lines[0], /^tna: the rules in .*rules have 3 errors$/);
  t.equal(lines.length, 4);
  for (const [i, place] of places.entries()) {
    t.match(lines[i + 1], place);
    t.match(checked.stdout.split('\n')[i + 1], place);
  }
  t.same([planned.code, checked.code, planJson.code, checkJson.code], [1, 1, 1, 1]);
  t.match(JSON.parse(planJson.stdout), {
    error: { code: 'rules', message: /have 3 errors/, evidence: places[0] as RegExp },
  });
  const { valid, errors } = JSON.parse(checkJson.stdout) as {
    readonly valid: boolean;
    readonly errors: readonly unknown[];
  };
  t.same([valid, errors.length], [false, 3]);
  t.match(errors[1], { file: /odd\.yaml/, line: 8, column: 13, code: 'unknown-name' });
});

t.test(
  'rule files that were parsed at build time: edited ones are read anew, and places are found in all',
  async (t) => {
    const own = join(root, 'rules');
    const texts = readdirSync(own)
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => [name, readFileSync(join(own, name), 'utf8')] as const);
    const rulesWith = (name: string, ...edits: readonly (readonly [string, string])[]) => {
      const directory = join(work, name);
      mkdirSync(directory);
      for (const [file, text] of [...texts, ...edits]) writeFileSync(join(directory, file), text);
      return ['--rules', directory, '--from', recording('bridge'), 'plan'];
    };
    const addresses = new Map(texts).get('addresses.yaml') ?? '';
    const twice = addresses
      .replace('subsystem: addresses', 'subsystem: more')
      .replace('sources:\n  addresses:', 'sources:\n  more:');
    const runs = await all({
      same: tna(...rulesWith('same')),
      comment: tna(...rulesWith('comment', ['addresses.yaml', `${addresses}# another text\n`])),
      twice: tna(...rulesWith('twice', ['more.yaml', twice])),
      broken: tna(...rulesWith('broken', ['addresses.yaml', addresses.replace('key: [ifindex', 'key: [ifindx')])),
    });
    t.equal(runs.same.code, 0);
    t.equal(runs.comment.stdout, runs.same.stdout);
    const line = addresses.split('\n').indexOf('  address:') + 1;
    t.match(
      runs.twice.stderr,
      `object type "address" is already declared at ${join(work, 'twice')}/addresses.yaml:${line}:3`,
    );
    t.match(runs.broken.stderr, /addresses\.yaml:\d+:\d+: .*ifindx/);

    const bundle = dirname(main);
    const script = readdirSync(bundle).find((name) => name.endsWith('.cjs') && name !== 'main.cjs') ?? '';
    const bundled = readFileSync(join(bundle, script), 'utf8');
    for (const [name, text] of texts) t.ok(bundled.includes(ruleTextKey(text)), `the bundle knows ${name} as it is`);
  },
);

t.test(
  'the bundle is compiled: Node.js takes the code that was made for it, and imports packages from there',
  async (t) => {
    const bundle = dirname(main);
    const files = readdirSync(bundle);
    const [source, code] = ['.cjs', '.code'].map(
      (kind) => files.find((name) => name.startsWith('tna-') && name.endsWith(kind)) ?? '',
    );
    const script = new Script(readFileSync(join(bundle, source ?? ''), 'utf8'), {
      cachedData: readFileSync(join(bundle, code ?? '')),
    });
    t.equal(script.cachedDataRejected, false);
    const drawn = await tna('--from', recording('bridge'), 'graph', '--format', 'svg');
    t.same([drawn.code, drawn.stderr], [0, '']);
    t.match(drawn.stdout, /<svg[\s\S]*br0/);
  },
);

t.test('with -o json stdout is JSON, also when there is an error', async (t) => {
  const from = ['--from', recording('bridge'), '-o', 'json'];
  const { plan, status, explain, graph, unknown } = await all({
    plan: tna(...from, 'plan'),
    status: tna(...from, 'status'),
    explain: tna(...from, 'explain', 'p1'),
    graph: tna(...from, 'graph'),
    unknown: tna(...from, 'explain', 'p9'),
  });
  t.match(JSON.parse(plan.stdout), { actions: [{ op: 'prepare' }], summary: { add: 4, change: 0, remove: 0 } });
  t.match(JSON.parse(status.stdout), {
    interfaces: [{ name: 'lo', ifindex: 1, accelerated: false, reasons: [{ code: 'no-service' }] }],
  });
  t.match(JSON.parse(explain.stdout), {
    name: 'p1',
    reasons: [{ code: 'not-deployed' }],
    counters: { fast: 0, slow: 0, drop: 0 },
  });
  t.match(JSON.parse(graph.stdout), { nodes: [{ id: String }], edges: [{ from: String, to: String }] });
  t.same(JSON.parse(unknown.stdout), {
    error: { code: 'unknown-interface', message: 'there is no interface p9 in this namespace', hint: 'tna explain p1' },
  });
  t.equal(unknown.code, 1);
});

t.test('with -o json a command that stays writes a document on each line, also when it ends by an error', async (t) => {
  const results = await all({
    rules: tna('--rules', join(work, 'nowhere'), '-o', 'json', 'reconcile'),
    usage: tna('--hook', 'xpd', '-o', 'json', 'reconcile'),
    once: tna('--rules', join(work, 'nowhere'), '-o', 'json', 'reconcile', '--once'),
  });
  for (const { stdout } of [results.rules, results.usage]) {
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    t.match(events, [{ event: 'error', fatal: true, error: { code: String } }]);
    t.equal(events.length, 1);
  }
  t.same(Object.keys(JSON.parse(results.once.stdout) as object), ['error'], 'one that does not stay: one document');
  t.same([results.rules.code, results.usage.code, results.once.code], [1, 2, 1]);
});

t.test('colours are for terminals only', async (t) => {
  const colour = String.fromCharCode(27);
  const command = [process.execPath, main, ...base, '--from', recording('bridge'), 'plan'];
  const { FORCE_COLOR: _force, NO_COLOR: _no, ...quiet } = process.env;
  const env = { ...quiet, TERM: 'xterm' };
  const terminal = (changes: NodeJS.ProcessEnv) =>
    tryRun('script', ['-qec', command.map((part) => `'${part}'`).join(' '), '/dev/null'], {
      env: { ...env, ...changes },
    });
  const { piped, onTerminal, refused } = await all({
    piped: tryRun(command[0] as string, command.slice(1), { env: { ...env, FORCE_COLOR: '1' } }),
    onTerminal: terminal({}),
    refused: terminal({ NO_COLOR: '1' }),
  });
  t.notOk(piped.stdout.includes(colour), 'none in a pipe');
  t.ok(onTerminal.stdout.includes(`${colour}[`), 'some on a terminal');
  t.notOk(refused.stdout.includes(colour), 'none where the user wants none');
});

t.test('a reader that closes the pipe is no error', async (t) => {
  const result = await tryRun('bash', [
    '-c',
    'set -o pipefail; "$@" | true; echo $?',
    'bash',
    process.execPath,
    main,
    'rules',
    'schema',
  ]);
  t.equal(result.stdout, '0\n');
  t.equal(result.stderr, '');
});

t.test('output that cannot be written is said in a line, and the command fails once it is done', async (t) => {
  const command = `"$0" "$@" >/dev/full`;
  const run = (...args: readonly string[]) =>
    tryRun('bash', ['-c', command, process.execPath, main, ...base, '--from', recording('bridge'), ...args]);
  const { text, json } = await all({ text: run('plan'), json: run('-o', 'json', 'explain', 'p1') });
  for (const { code, stderr } of [text, json]) {
    t.equal(stderr, 'tna: cannot write the output: ENOSPC: no space left on device, write\n');
    t.equal(code, 1);
  }
  const unheard = await tryRun('bash', ['-c', '"$0" "$@" 2>/dev/full', process.execPath, main, '-o', 'xml', 'plan']);
  t.equal(unheard.code, 2, 'an error that cannot be told has its exit code');
});

t.test('a recording can come from a pipe', async (t) => {
  const command = `"$0" "$@" <"${recording('bridge')}"`;
  const result = await tryRun('bash', ['-c', command, process.execPath, main, ...base, '--from', '-', 'plan']);
  t.match(result.stdout, /^Plan: 4 to add/);
});

t.test('options', async (t) => {
  const { hooks } = parseOptions({ hook: ['xdp', 'eth0=tc', 'a=b=xdp'] });
  t.same(
    [...hooks],
    [
      ['*', 'xdp'],
      ['eth0', 'tc'],
      ['a=b', 'xdp'],
    ],
  );
  for (const wrong of ['', 'eth0', '=tc', 'eth0=', 'eth0=XDP'])
    t.throws(
      () => parseOptions({ hook: [wrong] }),
      { code: 'usage', message: /give xdp, tc, or INTERFACE=xdp\|tc/ },
      wrong,
    );
  for (const [given, scope, seconds] of [
    ['30', 'needed', 30],
    ['5,all', 'all', 5],
    ['all', 'all', 60],
    ['off', 'off', 0],
  ] as const)
    t.same(parseOptions({ lease: given }).lease, { scope, seconds }, given);
  for (const wrong of ['', '0', '86401', '1.5', '-1', '30s', 'all,30', 'on'])
    t.throws(() => parseOptions({ lease: wrong }), { code: 'usage', message: /give seconds/ }, wrong);
  t.match(parseOptions({}), { output: 'text', verbose: false, netns: undefined, lease: undefined });
});

t.test('suggestions', async (t) => {
  t.equal(nearest('brO', ['br0', 'eth0', 'br00']), 'br0');
  t.equal(nearest('eth', ['eth0', 'wlan0']), 'eth0');
  t.equal(nearest('x', []), undefined);
  t.equal(nearest('wlan0', ['p1', 'p2']), undefined, 'nothing is better than nonsense');
});

t.test('an error as text and as JSON', async (t) => {
  const error = new TnaError('verifier', 'cannot load it', {
    object: 'p1',
    hint: 'tell us',
    evidence: 'line 1\nline 2\nline 3\n',
    cause: new Error('EACCES'),
  });
  t.equal(
    errorText(error, false, plain),
    'tna: p1: cannot load it\n  line 1 (2 more lines with --verbose)\n  try: tell us',
  );
  t.equal(
    errorText(error, true, plain),
    'tna: p1: cannot load it\n  line 1\n  line 2\n  line 3\n  try: tell us\n  cause: EACCES',
  );
  t.same(errorJson(error), {
    error: {
      code: 'verifier',
      message: 'cannot load it',
      object: 'p1',
      hint: 'tell us',
      evidence: 'line 1\nline 2\nline 3\n',
    },
  });
  t.equal(errorText(new Error('oops'), false, plain), 'tna: internal error: oops');
  t.match(errorText(new Error('oops'), true, plain), /oops\nError: oops\n +at /);
  t.equal(errorText('text', false, plain), 'tna: internal error: text');
  t.same(errorJson(new Error('oops')), { error: { code: 'internal', message: 'oops' } });
});
