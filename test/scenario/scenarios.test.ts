// SPDX-License-Identifier: Apache-2.0
// Replays recorded host states through the real stages and compares with goldens, without any privilege.
// UPDATE=1 writes the goldens; `node dist/test/support/record-scenarios.js` (root) records the states anew.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Derived } from '../../src/model/derived.js';
import type { Domain } from '../../src/model/ports.js';
import type { Message, Snapshot } from '../../src/model/snapshot.js';
import { readFpmLibrary } from '../../src/platform/fpm-library.js';
import { rulesDirectory } from '../../src/platform/package-paths.js';
import { readRecording } from '../../src/platform/recording.js';
import { readRuleFiles } from '../../src/platform/rule-files.js';
import { derive } from '../../src/reconcile/derive.js';
import { graphDot, graphJson } from '../../src/report/graph.js';
import { planJson, planText } from '../../src/report/plan.js';
import { explainText, makeStatus, statusText } from '../../src/report/status.js';
import { plain } from '../../src/report/table.js';
import { compileRules } from '../../src/rules/index.js';
import { tryRun } from '../support/lab/command.js';
import {
  hooksOf,
  libraryDirectory,
  lines,
  listScenarios,
  main,
  ofBuiltLibrary,
  root,
  type Scenario,
  writeFixedLibrary,
} from '../support/scenarios/files.js';

const update = process.env.UPDATE === '1';
const scenarios = listScenarios();

async function loadDomain(): Promise<Domain> {
  if (update) writeFixedLibrary();
  const library = await readFpmLibrary(libraryDirectory);
  const compiled = compileRules(readRuleFiles(rulesDirectory()), library);
  if ('errors' in compiled) throw new Error(compiled.errors.map((error) => error.text).join('\n'));
  return { rules: compiled.ruleSet, library };
}

function replay(domain: Domain, scenario: Scenario): Derived {
  return derive(domain, readRecording(scenario.recording), hooksOf(scenario));
}

/** What every golden file must hold. */
function goldens({ graph, desired, plan }: Derived): { readonly [file: string]: string } {
  return {
    'objects.json': lines(graph.nodes, 1),
    'graph.dot': `${graphDot(graph, desired)}\n`,
    'desired.json': lines(desired, 3),
    'plan.json': lines(planJson(plan), 2),
    'plan.txt': `${planText(plan, desired, plain)}\n`,
  };
}

const domain = await loadDomain();

t.test('what is replayed runs from the library as built', async (t) => {
  const { version, ...parts } = ofBuiltLibrary();
  const fixed = JSON.parse(readFileSync(join(libraryDirectory, 'library.json'), 'utf8'));
  for (const [part, built] of Object.entries(parts))
    t.same(fixed[part], built, `${part}; if not, UPDATE=1 writes it, and recordings may have to be made anew`);
  t.equal(fixed.version, version);
});

t.test('the recorded states give the golden objects, graphs, desired states and plans', async (t) => {
  t.ok(scenarios.length >= 14, `${scenarios.length} scenarios`);
  for (const scenario of scenarios) {
    for (const [file, text] of Object.entries(goldens(replay(domain, scenario)))) {
      const path = join(scenario.directory, file);
      if (update) writeFileSync(path, text);
      const golden = existsSync(path) ? readFileSync(path, 'utf8') : '';
      t.equal(text, golden, `${scenario.name}/${file}`);
    }
  }
});

t.test('a replay is deterministic', async (t) => {
  for (const scenario of scenarios)
    t.same(goldens(replay(domain, scenario)), goldens(replay(domain, scenario)), scenario.name);
});

t.test('every interface that is not accelerated has a reason', async (t) => {
  for (const scenario of scenarios) {
    const status = makeStatus(replay(domain, scenario), () => [], domain.library, null, true);
    for (const i of status.interfaces) {
      t.ok(i.accelerated || i.reasons.length > 0, `${scenario.name}: ${i.name}`);
      t.ok(i.reasons.every((reason) => reason.code !== '' && reason.message !== '' && !reason.message.includes('${')));
    }
  }
});

/** Puts a command into the hands of somebody without privileges: nobody, or root without capabilities where nobody can read this checkout. */
async function dropPrivileges(): Promise<readonly string[]> {
  if (process.getuid?.() !== 0) return [];
  const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];
  const readable = await tryRun(nobody[0] as string, [...nobody.slice(1), 'test', '-r', main]);
  return readable.code === 0 ? nobody : ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all', '--'];
}

const drop = await dropPrivileges();

function unprivileged(...args: readonly string[]) {
  const [file, ...rest] = [...drop, process.execPath, main, '--library', libraryDirectory, ...args];
  return tryRun(file as string, rest, { cwd: '/', timeout: 60_000 });
}

t.test('an unprivileged user replays a recording with plan, status, explain and graph', async (t) => {
  for (const name of ['hook-change', 'port-flags']) {
    const scenario = scenarios.find((s) => s.name === name);
    if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
    const { desired, plan, graph, ...derived } = replay(domain, scenario);
    const status = makeStatus({ desired, plan, ...derived }, () => [], domain.library, null, true);
    const from = ['--from', scenario.recording, ...scenario.options];
    const [planned, plannedJson, stated, drawn] = await Promise.all([
      unprivileged(...from, 'plan', '--detailed-exitcode'),
      unprivileged(...from, '-o', 'json', 'plan'),
      unprivileged(...from, 'status'),
      unprivileged(...from, '-o', 'json', 'graph'),
    ]);
    t.equal(planned.stdout, `${planText(plan, desired, plain)}\n`, `${name}: plan`);
    t.equal(planned.code, 2, 'there are changes');
    t.same(JSON.parse(plannedJson.stdout), JSON.parse(JSON.stringify(planJson(plan))), `${name}: plan -o json`);
    t.equal(stated.stdout, `${statusText(status, plain)}\n`, `${name}: status`);
    t.same(JSON.parse(drawn.stdout), JSON.parse(JSON.stringify(graphJson(graph))), `${name}: graph`);
    const [first] = status.interfaces.filter((i) => i.name === 'p1');
    if (first === undefined) throw new Error('p1 is missing');
    t.equal(
      (await unprivileged(...from, 'explain', 'p1')).stdout,
      `${explainText(first, plain, false)}\n`,
      `${name}: explain`,
    );
  }
});

t.test('a command that needs the live host says so', async (t) => {
  const recording = join(root, 'fixtures', 'scenarios', 'bridge', 'snapshot.json');
  const result = await unprivileged('--from', recording, 'reconcile', '--once');
  t.equal(result.code, 2);
  t.match(result.stderr, /--from replays a recording; this command needs the live host/);
  const live = await unprivileged('plan');
  t.equal(live.code, 1);
  t.match(
    live.stderr,
    /^tna: this needs CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON\n {2}try: run as root, or replay a recording/,
  );
});

t.test('nothing that an accelerated interface takes for granted is left to the controller alone', async (t) => {
  const hooks = new Set<string>();
  for (const scenario of scenarios) {
    for (const { name, pipeline, assumptions } of replay(domain, scenario).desired.interfaces) {
      if (pipeline === undefined) continue;
      hooks.add(pipeline.hook);
      const unseen = assumptions.filter(({ coverage }) => coverage === 'controller').map(({ code }) => code);
      t.same(unseen, [], `${scenario.name}, ${name} at ${pipeline.hook}`);
      t.notOk(pipeline.modules.includes('lease'), 'so it needs no lease');
      t.ok(assumptions.some(({ egress }) => egress) === (pipeline.hook === 'xdp'), 'egress devices matter to XDP');
    }
  }
  t.same([...hooks].sort(), ['tc', 'xdp'], 'at both hooks');
});

/** A bridge with some ports, to be altered. */
function recordedBridge(): Snapshot {
  const scenario = scenarios.find(({ name }) => name === 'bridge');
  if (scenario === undefined) throw new Error('there is no scenario bridge');
  return readRecording(scenario.recording);
}

t.test('hardware that keeps something from XDP is served by tc', async (t) => {
  const snapshot = recordedBridge();
  /** The hook of p1, and why not a better one, if the ports were NICs that can do everything at XDP. */
  const asNic = (features: readonly string[], more: Message = {}, wanted: readonly string[] = []) => {
    const links = (snapshot.sources.links ?? []).map((link) => {
      const nic = { ...link, parent_dev_name: '0', linkinfo: { ...(link.linkinfo as Message), kind: '' } };
      return link.ifname === 'p1' ? { ...nic, ...more } : String(link.ifname).startsWith('p') ? nic : link;
    });
    const xdp_features = (snapshot.sources.xdp_features ?? []).map((one) => ({ ...one, xdp_features: 7 }));
    const bits = (names: readonly string[]) => ({ bits: { bit: names.map((name) => ({ name })) } });
    const offloads = [{ header: { dev_index: 11 }, active: bits(features), wanted: bits(wanted) }];
    const sources = { ...snapshot.sources, links, xdp_features, offloads };
    const found = derive(domain, { ...snapshot, sources }, new Map()).desired.interfaces.find(
      ({ name }) => name === 'p1',
    );
    return [found?.pipeline?.hook, ...(found?.hookNotes ?? []).map(({ code, hint }) => `${code} ${hint ?? ''}`.trim())];
  };
  t.same(asNic(['rx-gro']), ['xdp']);
  t.same(asNic(['rx-vlan-hw-parse']), ['tc', 'xdp-vlan-offload ethtool -K p1 rxvlan off']);
  t.same(asNic(['rx-vlan-stag-hw-parse']), ['tc', 'xdp-vlan-offload ethtool -K p1 rx-vlan-stag-hw-parse off']);
  t.same(asNic([], {}, ['rx-vlan-hw-parse']), ['tc', 'xdp-vlan-offload ethtool -K p1 rxvlan off'], 'asked for');
  t.same(asNic([], { parent_dev_name: '' }), [undefined], 'no hardware: a pseudo device');
  t.same(asNic([], { parent_dev_bus_name: 'pci' }), ['xdp']);
  t.same(asNic([], { mtu: 3046 }), ['xdp']);
  t.same(asNic([], { mtu: 3047 }), ['tc', 'xdp-mtu ip link set p1 mtu 3046; tc has no such limit']);
  t.same(asNic([], { parent_dev_bus_name: 'xen' }), ['tc', 'xdp-xen-checksum']);
});

t.test('what bonds say that they can is of the devices below them', async (t) => {
  const snapshot = recordedBridge();
  const ports = (snapshot.sources.links ?? []).filter(({ ifname }) => /^p\d/.test(String(ifname)));
  const derived = (bonds: readonly string[]) => {
    const links = (snapshot.sources.links ?? []).map((link) => {
      if (!ports.includes(link)) return link;
      const kind = bonds.includes(String(link.ifname)) ? 'bond' : '';
      return { ...link, parent_dev_name: '0', linkinfo: { ...(link.linkinfo as Message), kind } };
    });
    const xdp_features = (snapshot.sources.xdp_features ?? []).map((one) => ({ ...one, xdp_features: 7 }));
    return derive(domain, { ...snapshot, sources: { ...snapshot.sources, links, xdp_features } }, new Map()).desired;
  };
  const names = ports.map(({ ifname }) => String(ifname));
  const one = derived(['p1']);
  t.match(
    one.interfaces.find(({ name }) => name === 'p1'),
    { pipeline: { hook: 'tc' }, hookNotes: [{ code: 'xdp-kind' }] },
  );
  t.notOk(
    one.egress.some(({ name }) => name === 'p1'),
    'and no XDP frame is sent to it',
  );
  t.match(
    derived(names.slice(1)).interfaces.find(({ name }) => name === names[0]),
    { pipeline: { hook: 'tc' }, hookNotes: [{ code: 'xdp-no-egress' }] },
    'a NIC among bonds has nobody to send to by XDP',
  );
});

t.test('a rule that selects is seen beside one that differs in nothing else', async (t) => {
  const scenario = scenarios.find(({ name }) => name === 'router');
  if (scenario === undefined) throw new Error('there is no scenario router');
  const snapshot = readRecording(scenario.recording);
  /** What speaks against routing with these rules, beside those that a namespace begins with. */
  const codes = (...rules: readonly Message[]) => {
    const policy_rules = [...(snapshot.sources.policy_rules ?? []), ...rules];
    const { desired } = derive(domain, { ...snapshot, sources: { ...snapshot.sources, policy_rules } }, new Map());
    return desired.interfaces.find(({ name }) => name === 'e1')?.reasons.map(({ code }) => code);
  };
  const plain: Message = { family: 2, action: 1, priority: 100, table: 100, suppress_prefixlen: -1 };
  t.notOk(codes(plain)?.includes('policy-rules'));
  const selectors: readonly Message[] = [
    ...[{ src_len: 8 }, { dst_len: 8 }, { tos: 16 }, { dscp: 0 }, { iifname: 'e1' }, { oifname: 'e1' }, { flags: 2 }],
    ...[{ fwmask: 1 }, { tun_id: 1 }, { uid_range: { start: 0, end: 0 } }, { ip_proto: 6 }, { flowlabel_mask: 1 }],
    ...[
      { sport_range: { start: 1 } },
      { dport_range: { start: 1 } },
      { suppress_ifgroup: 1 },
      { suppress_prefixlen: 0 },
    ],
  ];
  for (const selector of selectors)
    t.ok(codes(plain, { ...plain, ...selector })?.includes('policy-rules'), JSON.stringify(selector));
});

t.test('an ingress chain is seen in any family and by any name', async (t) => {
  const snapshot = recordedBridge();
  const concerned = (chain: Message) => {
    const nft_chains = [{ nfgen_family: 5, table: 't', name: 'c', ...chain }];
    const { desired } = derive(domain, { ...snapshot, sources: { ...snapshot.sources, nft_chains } }, new Map());
    return desired.interfaces
      .filter(({ reasons }) => reasons.some(({ code }) => code === 'nft-ingress-hook'))
      .map((i) => i.name);
  };
  t.same(concerned({ hook: { num: 0, dev: 'p1' } }), ['p1'], 'netdev');
  t.same(concerned({ nfgen_family: 1, hook: { num: 5, devs: { name: ['p1'] } } }), ['p1'], 'inet');
  t.same(concerned({ nfgen_family: 1, hook: { num: 2 } }), [], 'inet, forward');
  t.same(concerned({ hook: { num: 1, dev: 'p1' } }), [], 'an egress chain sees nothing of what comes in');
  t.same(concerned({ hook: { num: 0, devs: { prefix: ['p1', 'x'] } } }), ['p1'], 'the beginning of a name');
  t.same(concerned({ hook: { num: 0, devs: { prefix: ['x'] } } }), []);
});
