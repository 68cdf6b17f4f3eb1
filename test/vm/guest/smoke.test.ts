// SPDX-License-Identifier: Apache-2.0
// The main job from end to end on a distribution's kernel, with the bridge as a module: capabilities, plan, reconcile,
// traffic, status, explain, VLAN filtering switched on behind TNA's back, detach. Where the kernel lacks what FPMs need:
// nothing is accelerated, no command fails, and the reason is named.

import t, { type Test } from 'tap';
import { Bed, frame } from '../../support/lab/bed.js';
import { run } from '../../support/lab/command.js';
import { tagged } from '../../support/lab/frame.js';
import { bridge, ip } from '../../support/lab/netns.js';
import { patience } from '../../support/lab/patience.js';
import { fastFrames, type InterfaceStatus, tna, tnaOk, tnaStatus } from '../../support/lab/tna.js';
import { leftovers, newLeftovers } from '../../support/leftovers.js';
import { main } from '../../support/scenarios/files.js';
import { sendAndWait } from './arrivals.js';
import { accelerates, byModule, lacking, routes } from './expectations.js';

t.setTimeout(600_000 * patience);

interface Capabilities {
  readonly window: { readonly name: string } | null;
  readonly services: readonly { readonly service: string; readonly hook: string; readonly possible: boolean }[];
  readonly needs: readonly {
    readonly need: string;
    readonly answer: string;
    readonly evidence: string;
    readonly costs: readonly string[];
    readonly remedy?: string;
  }[];
}

/** Where a service runs. VLAN devices have programs of their own at tc. */
const hooksOf = (service: string) => (service.startsWith('vlan') ? ['xdp'] : ['tc', 'xdp']);

t.test('capabilities', async (t) => {
  const { needs, services, window } = JSON.parse(await tnaOk('capabilities', '-o', 'json')) as Capabilities;
  t.ok(needs.length > 10);
  const absent = needs.filter((one) => one.answer !== 'yes');
  for (const one of absent) t.not(one.evidence, '', `${one.need} is ${one.answer} for a reason`);
  for (const probe of lacking) {
    const need = absent.find((one) => one.need.includes(probe));
    t.ok(need, `${probe} is missing`);
    t.match(need?.costs, ['bridging at xdp', 'bridging at tc'], 'which costs everything');
    t.match(need?.remedy, /Linux 6\.2 .*helpers-kmod/, 'and both ways out are told');
  }
  const all = [...new Set(services.map(({ service }) => service))];
  t.ok(['bridging', 'ip4_gateway', 'ip4_routing', 'ip6_routing'].every((service) => all.includes(service)));
  for (const service of all) {
    const hooks = services.filter((one) => one.service === service).map(({ hook, possible }) => [hook, possible]);
    const expected = accelerates && (service === 'bridging' || routes);
    t.same(
      hooks.sort(),
      hooksOf(service).map((hook) => [hook, expected]),
      `${service} is ${expected ? '' : 'not '}possible`,
    );
  }
  t.equal(window === null, !accelerates);
  if (accelerates) {
    const at = (service: string) => hooksOf(service).map((hook) => `${service} at ${hook}`);
    const routing = all.filter((service) => service.endsWith('_routing')).flatMap(at);
    const everything = all.filter((service) => service !== 'bridging').flatMap(at);
    // No module for VRFs is loaded here: that costs only their ports something. Of what is not possible anyway no conditions are told.
    const bridgeInVrf =
      "bridge.slave_kind == 'vrf' || routers.exists(r, r.kind == 'vlan' && r.lower == bridge.ifindex && r.slave_kind == 'vrf')";
    const portOrVlanInVrf =
      "port.slave_kind == 'vrf' || ports.exists(p, p.kind == 'vlan' && p.lower == port.ifindex && p.slave_kind == 'vrf')";
    const inVrf = everything.map((what) => {
      if (!routes) return what;
      const portInVrf = what.endsWith(' xdp') ? portOrVlanInVrf : "port.slave_kind == 'vrf'";
      return `${what} if ${routing.includes(what) ? portInVrf : bridgeInVrf}`;
    });
    const vrf = { costs: inVrf, remedy: /modprobe -a vrf$/ };
    const missing = new Map([['btf:net_vrf.tb_id', vrf]]);
    if (!routes) {
      missing.set('btf:netns_ipv4.udp_table', { costs: everything, remedy: /Linux 6\.2/ });
      // no FPM needs it: the rules ask for another way then
      missing.set('btf:net_device.xdp_features', { costs: [], remedy: /Linux 6\.3/ });
    }
    t.same(absent.map(({ need }) => need).sort(), [...missing.keys()].sort(), 'nothing else is missing');
    for (const { need, costs, remedy } of absent) {
      t.same([...costs].sort(), missing.get(need)?.costs.sort(), need);
      t.match(remedy, missing.get(need)?.remedy, need);
    }
  } else t.match(await tnaOk('capabilities'), /helpers-kmod/, 'the text says how to come by it');
});

if (byModule)
  t.test('the module is not for everybody who may load programs', async (t) => {
    const said = await run('setpriv', [
      ...['--bounding-set', '-sys_boot', process.execPath, main, 'capabilities', '-o', 'json'],
    ]);
    const { needs, window } = JSON.parse(said) as Capabilities;
    t.equal(window, null);
    t.match(
      needs.find(({ need }) => need.includes('kfunc:bpf_tna_window_1')),
      { answer: 'unknown', evidence: /CAP_SYS_BOOT/ },
    );
  });

/**
 * Sends 20 frames each way between the first two ports, after both stations have made themselves known; resolves to
 * those that did not arrive exactly where they should. Each is sent twice: however slow the machine is, of the two only the first
 * finds entries of the FDB that Linux is to refresh.
 */
async function exchange(
  bed: Bed,
  change: (bytes: string) => string = (bytes) => bytes,
  arrive = true,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  const times = 2;
  for (const port of [0, 1]) await sendAndWait(bed.agent, port, change(frame(0, port + 1)), arrive ? 1 : 0, 100);
  for (let i = 0; i < 40; i += 1) {
    const from = i % 2;
    const bytes = change(frame(2 - from, 1 + from, i));
    const received = await sendAndWait(bed.agent, from, bytes, arrive ? times : 0, 10, times);
    if (received.length !== times || received.some((one) => one.port !== 1 - from || one.bytes !== bytes)) {
      wrong.push(`frame ${i} from ${from}: ${JSON.stringify(received)}`);
    }
  }
  return wrong;
}

function countOf(status: readonly InterfaceStatus[], code: string): number {
  return status
    .flatMap((one) => one.counters.reasons)
    .filter((reason) => reason.code === code)
    .reduce((sum, reason) => sum + reason.packets, 0);
}

async function withoutAcceleration(t: Test, bed: Bed, options: readonly string[]): Promise<void> {
  const status = await tnaStatus(bed.netns, ...options);
  const port = status.find((one) => one.name === 'p1');
  t.equal(port?.accelerated, false, 'not accelerated');
  for (const probe of lacking) {
    t.ok(
      port?.reasons.some((reason) => reason.code === 'kernel-lacks' && reason.message.includes(probe)),
      `because of ${probe}`,
    );
  }
  t.same(await exchange(bed), [], 'frames take their usual way');
}

async function withAcceleration(t: Test, bed: Bed, hook: string, options: readonly string[]): Promise<void> {
  t.same(await exchange(bed), [], 'frames arrive');
  const fast = await fastFrames(bed.netns);
  t.ok(fast >= 30, `by the fast path (${fast})`);
  t.same(await exchange(bed, (bytes) => tagged(bytes, 0x2064)), [], 'tagged frames arrive with their tags');

  const ports = (await tnaStatus(bed.netns, ...options)).filter((one) => one.name.startsWith('p'));
  t.ok(
    ports.every((one) => one.accelerated && one.hook === hook),
    `all ports are accelerated at ${hook}`,
  );

  // Nobody tells TNA; everything untagged belongs to VLAN 1 then, so the same frames must arrive.
  await ip(bed.netns, 'link set br0 type bridge vlan_filtering 1');
  const before = await fastFrames(bed.netns);
  t.same(await exchange(bed), [], 'frames arrive with VLAN filtering');
  await bridge(bed.netns, 'vlan del dev p2 vid 1');
  const stopped = await exchange(bed, undefined, false);
  t.equal(stopped.length, 40, 'none does between a port with VLAN 1 and one without');
  await bridge(bed.netns, 'vlan add dev p2 vid 1 pvid untagged');
  t.equal(await fastFrames(bed.netns), before, 'by the slow path from the first frame on');
  t.ok(countOf(await tnaStatus(bed.netns, ...options), 'vlan-filtering') >= 40, 'whose reason is counted');

  await tnaOk('reconcile', '--once', '--netns', bed.netns, ...options);
  t.match(await tnaOk('explain', 'p1', '--netns', bed.netns, ...options), /bridge_vlan → .*bridge_vlan_egress → /);
  const aware = await fastFrames(bed.netns);
  t.same(await exchange(bed), [], 'frames arrive through a pipeline that knows of VLANs');
  t.ok((await fastFrames(bed.netns)) >= aware + 30, 'by the fast path');
  await bridge(bed.netns, 'vlan del dev p2 vid 1');
  t.equal((await exchange(bed, undefined, false)).length, 40, 'and none does once the VLAN is gone');
  await bridge(bed.netns, 'vlan add dev p2 vid 1 pvid untagged');

  await ip(bed.netns, 'link set br0 type bridge vlan_filtering 0');
  const after = await fastFrames(bed.netns);
  t.same(await exchange(bed), [], 'frames arrive without VLAN filtering');
  t.equal(await fastFrames(bed.netns), after, 'by the slow path again');
  t.ok(countOf(await tnaStatus(bed.netns, ...options), 'not-filtering') >= 40, 'for the reason that is counted');
  await tnaOk('reconcile', '--once', '--netns', bed.netns, ...options);
  t.same(await exchange(bed), [], 'and through the pipeline without VLANs');
  t.ok((await fastFrames(bed.netns)) >= after + 30, 'by the fast path');
}

for (const [kind, hook] of [
  ['veth', 'tc'],
  ['tap', 'xdp'],
] as const) {
  t.test(`bridge with ${kind} ports, ${hook}`, async (t) => {
    const nothing = leftovers();
    const bed = await Bed.make(t, { kind, ports: 3 });
    const ours = leftovers();
    const options = ['--hook', hook];
    const netns = ['--netns', bed.netns];

    const planned = await tna('plan', ...netns, ...options, '--detailed-exitcode');
    t.equal(planned.code, accelerates ? 2 : 0, `plan: ${planned.stderr}`);
    bed.accelerated();
    const applied = await tna('reconcile', '--once', ...netns, ...options);
    t.equal(applied.code, 0, `reconcile: ${applied.stderr}`);

    await (accelerates ? withAcceleration(t, bed, hook, options) : withoutAcceleration(t, bed, options));

    const explained = await tna('explain', 'p1', ...netns, ...options);
    t.equal(explained.code, 0, explained.stderr);
    t.match(explained.stdout, accelerates ? /frame → / : /bpf_rdonly_cast/, 'explain says what is done, or why not');
    await tnaOk('detach', ...netns);
    t.same(await newLeftovers(ours), [], 'detach leaves nothing');
    t.ok(ours.length >= nothing.length);
  });
}
