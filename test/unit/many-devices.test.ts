// SPDX-License-Identifier: Apache-2.0
// Thousands of devices that route take work in proportion to their number, by the rules as shipped. Work is what is looked at: a time would be the
// machine's.

import { join } from 'node:path';
import t from 'tap';
import { buildGraph } from '../../src/graph/build.js';
import { defaultLease } from '../../src/model/lease.js';
import type { Attributes, Scope } from '../../src/model/ruleset.js';
import type { Message, Snapshot } from '../../src/model/snapshot.js';
import { buildObjects } from '../../src/objects/build.js';
import { assemble } from '../../src/pipeline/assemble.js';
import { EgressDevices, type Served } from '../../src/pipeline/egress.js';
import { indexGraph } from '../../src/pipeline/scope.js';
import { readFpmLibrary } from '../../src/platform/fpm-library.js';
import { readRecording } from '../../src/platform/recording.js';
import { compileRules } from '../../src/rules/index.js';
import { good, only, shipped } from '../support/rule-sets.js';
import { libraryDirectory, scenariosDirectory } from '../support/scenarios/files.js';

const library = await readFpmLibrary(libraryDirectory);
const rules = good(compileRules(shipped, library));
const recorded = readRecording(join(scenariosDirectory, 'gateway-vlans', 'snapshot.json'));
const linkOf = (name: string) => only(recorded.sources.links ?? [], ({ ifname }) => ifname === name);
const { link: _, ...port } = linkOf('wan');
const nic: Message = { ...port, linkinfo: {}, parent_dev_name: '0000:00:03.0', parent_dev_bus_name: 'pci' };

/** A host whose many devices all route IPv4, and what else it has. */
function host(many: readonly Message[], others: readonly Message[]): Snapshot {
  const links = [...others, ...many.map((link, i) => ({ ...link, ifi_index: 100 + i, ifname: `v${i}` }))];
  const addresses = many.map((_, i) => ({
    ...{ ifa_family: 2, ifa_index: 100 + i, ifa_prefixlen: 24, ifa_scope: 0 },
    address: `10.${i >> 8}.${i & 255}.1`,
  }));
  const sysctls = Object.fromEntries(links.map(({ ifname }) => [`net/ipv4/conf/${ifname}/forwarding`, '1']));
  const xdp_features = links.map(({ ifi_index }) => ({ ifindex: ifi_index as number, xdp_features: 7 }));
  const none = { qdiscs: [], offloads: [], veth_peers: [], far_veth_peers: [] };
  return {
    ...recorded,
    sysctls: { ...recorded.sysctls, ...sysctls },
    sources: { ...recorded.sources, ...none, links, addresses, xdp_features },
  };
}

/** How many attributes are read for each device. */
function reads(snapshot: Snapshot, devices: number, hook: string): number {
  const graph = buildGraph(rules, buildObjects(rules, snapshot));
  let count = 0;
  const counted = (attributes: Attributes): Attributes =>
    new Proxy(attributes, {
      get: (target, name) => {
        count += 1;
        return Reflect.get(target, name);
      },
    });
  const nodes = graph.nodes.map((node) => ({ ...node, attributes: counted(node.attributes) }));
  const { capabilities } = snapshot;
  const desired = assemble({
    ...{ rules, library, graph: { ...graph, nodes }, capabilities },
    ...{ forcedHooks: new Map(), lease: defaultLease },
  });
  const served = desired.interfaces.filter(({ name, pipeline }) => name.startsWith('v') && pipeline?.hook === hook);
  if (served.length !== devices) throw new Error(`${served.length} of ${devices} devices are served at ${hook}`);
  return count / devices;
}

t.test('planning looks at as much of each device, however many there are', async (t) => {
  const eth0 = { ...nic, ifi_index: 10, ifname: 'eth0' };
  const bridge = { ...linkOf('br0'), ifi_index: 20 };
  const vlan = { ...linkOf('br0.10'), link: 10 };
  const cases: readonly (readonly [string, Message, readonly Message[], string])[] = [
    ['VLAN devices', vlan, [eth0], 'tc'],
    ['VLAN devices, beside a bridge', vlan, [eth0, bridge], 'tc'],
    ['VLAN devices on a bridge', { ...vlan, link: 20 }, [eth0, bridge], 'tc'],
    ['ports', { ...nic, linkinfo: { kind: 'veth' } }, [], 'tc'],
    ['network cards', nic, [], 'xdp'],
  ];
  for (const [what, one, others, hook] of cases) {
    const [few, many] = [50, 400].map((n) =>
      reads(
        host(
          Array.from({ length: n }, () => one),
          others,
        ),
        n,
        hook,
      ),
    ) as [number, number];
    t.ok(many < 1.5 * few, `${what}: ${few.toFixed(0)} reads for each of 50, ${many.toFixed(0)} for each of 400`);
  }
});

t.test('whether a device wants a module is asked once, however many hooks there are', async (t) => {
  const n = 50;
  let count = 0;
  const services = rules.services.map((service) => ({
    ...service,
    modules: service.modules.map((module) => {
      const { when, fpm } = module;
      if (when === undefined || fpm !== 'vlan_device' || service.name !== 'ip4_routing') return module;
      const evaluate = (scope: Scope) => {
        count += 1;
        return when.evaluate(scope);
      };
      return { ...module, when: { ...when, evaluate } };
    }),
  }));
  const snapshot = host(
    Array.from({ length: n }, () => nic),
    [],
  );
  const graph = buildGraph(rules, buildObjects(rules, snapshot));
  assemble({
    ...{ rules: { ...rules, services }, library, graph, capabilities: snapshot.capabilities },
    ...{ forcedHooks: new Map(), lease: defaultLease },
  });
  // and once more for each sort of device at each hook
  t.ok(count >= n && count < n + 10, `${count} times for ${n} devices`);
});

t.test('where frames of many devices can go is collected once', async (t) => {
  const n = 200;
  const snapshot = host(
    Array.from({ length: n }, () => nic),
    [],
  );
  const index = indexGraph(buildGraph(rules, buildObjects(rules, snapshot)));
  const rule = only(rules.attach, ({ type }) => type === 'link');
  const service = only(rules.services, ({ name }) => name === 'ip4_routing');
  const devices = index.ofType('link').map((device): Served => {
    const instance = { service, subject: device, scope: {}, shared: undefined, reasons: [], avoid: new Map() };
    return { device, rule, instances: [instance] };
  });
  let count = 0;
  const counted = new Proxy(devices, {
    get: (target, name) => {
      count += 1;
      return Reflect.get(target, name);
    },
  });
  const found = new EgressDevices(counted, index, new Map()).reachable(devices, 'xdp');
  t.equal(found.length, n);
  t.ok(count < 10 * n, `${count} looks at ${n} devices`);
});
