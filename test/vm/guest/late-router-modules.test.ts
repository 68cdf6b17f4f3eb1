// SPDX-License-Identifier: Apache-2.0
// A router runs before modules are there of which its programs have to know: what they bring must not leave its packets slow for ever.

import { existsSync } from 'node:fs';
import t from 'tap';
import { run } from '../../support/lab/command.js';
import { ethernet, ipv4, sized, udp } from '../../support/lab/frame.js';
import { bridge, ip } from '../../support/lab/netns.js';
import { patience } from '../../support/lab/patience.js';
import { neighbourMac, ownMac, RouterBed } from '../../support/lab/router-bed.js';
import { Controller, tnaOk, tnaStatus, until } from '../../support/lab/tna.js';

t.setTimeout(900_000 * patience);

const late = ['bridge', 'br_netfilter', 'veth', '8021q'];

/** A packet that comes in by a port, to a host. */
function packet(port: number, destination: string): string {
  const payload = udp(1024, 7, '00'.repeat(158));
  const bytes = ipv4({ source: `10.0.${port}.2`, destination, protocol: 17, payload, fragment: 0x4000 });
  return sized(ethernet(ownMac(port), neighbourMac(port), 0x0800, bytes), 200);
}

t.test('a router before modules come', async (t) => {
  for (const name of late) t.notOk(existsSync(`/sys/module/${name}`), `${name} is not loaded`);
  const bed = await RouterBed.make(t, { kind: 'tap', ports: 2 });
  const { agent, netns } = bed;
  const controller = Controller.start(netns, '--hook', 'p1=tc', '--hook', 'p2=xdp');
  t.teardown(() => controller.stop());

  const fastAt = async (port: number) =>
    (await tnaStatus(netns)).find(({ name }) => name === `p${port}`)?.counters.fast ?? 0;
  const fast = async (what: string, port: number, destination: string) => {
    let before = 0;
    await until(
      what,
      async () => {
        before = await fastAt(port);
        // The first one to a neighbour may be the kernel's.
        for (let i = 0; i < 2; i += 1) await agent.send([{ port: port - 1, bytes: packet(port, destination) }]);
        return (await fastAt(port)) > before;
      },
      60_000,
    ).catch(async (error: unknown) => {
      t.comment(controller.log);
      t.comment(await tnaOk('status', '--netns', netns));
      throw error;
    });
    t.pass(what);
  };
  const bothWays = async (when: string) => {
    await fast(`${when}: from p1, at tc`, 1, '10.0.2.2');
    await fast(`${when}: from p2, at XDP`, 2, '10.0.1.2');
  };
  await bothWays('before');

  await run('modprobe', ['br_netfilter']);
  for (const tables of ['iptables', 'ip6tables', 'arptables'])
    await agent.sysctl(`net/bridge/bridge-nf-call-${tables}`, '0');
  await ip(netns, 'link add br0 type bridge mcast_snooping 0', 'link set br0 up');
  await bothWays('br_netfilter and a bridge');

  await agent.tap('p3');
  await ip(
    netns,
    'link set p3 master br0 up',
    'addr add 10.0.3.1/24 dev br0',
    `neigh add 10.0.3.2 lladdr ${neighbourMac(3)} dev br0 nud permanent`,
  );
  await bridge(netns, `fdb replace ${neighbourMac(3)} dev p3 master static`);
  await fast('out of the bridge', 1, '10.0.3.2');

  for (const round of ['first', 'second']) {
    await ip(netns, 'link add v1 type veth peer name v2', 'link set v2 up', 'link set v1 up');
    await ip(netns, 'addr add 10.0.4.1/24 dev v1', `neigh add 10.0.4.2 lladdr ${neighbourMac(4)} dev v1 nud permanent`);
    await fast(`${round} veth: out of it`, 1, '10.0.4.2');
    await bothWays(`${round} veth`);
    await ip(netns, 'link del v1');
    // Comes again with other addresses.
    await run('modprobe', ['-r', 'veth']);
  }

  await ip(netns, 'link add link p2 name q10 type vlan id 10', 'link set q10 up');
  await ip(
    netns,
    'addr add 10.0.10.1/24 dev q10',
    `neigh add 10.0.10.2 lladdr ${neighbourMac(2)} dev q10 nud permanent`,
  );
  await fast('a VLAN device: out of it', 1, '10.0.10.2');
  await bothWays('a VLAN device');

  for (const name of ['bridge', 'br_netfilter', '8021q'])
    t.ok(existsSync(`/sys/module/${name}/initstate`), `${name} came as a module`);
  await until('in sync', async () => /^Nothing to do/.test(await tnaOk('plan', '--netns', netns)));
  t.notMatch(controller.log, /error|warning/i, 'the controller reports no trouble');
});
