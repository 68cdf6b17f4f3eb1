// SPDX-License-Identifier: Apache-2.0
// The path of path.ts with a router in its middle, and as many routes as wanted, all through the neighbour behind p2.

import { readU32 } from 'bpf-loader-native';
import { checksum, ethernet, ipv4, mac, sized, udp } from '../support/lab/frame.js';
import { inNetns, ip } from '../support/lab/netns.js';
import { addRoutes, firstDestination, ipv4Address } from '../support/lab/routes.js';
import { type ForwardingPath, openPath } from './path.js';
import { programObject } from './programs.js';

/** The sink knows frames by the first four bytes of their destination: those that nobody has rewritten arrive, too. */
const router = '02:5a:5a:5a:00:01';
const neighbour = '02:5a:5a:5a:00:02';
const sender = '02:5a:5a:5a:00:03';
const frameLength = 60;
const ttl = 64;
const via = 'via 198.51.100.2';
/** As many networks as the destinations are scattered over if there is a single route for them all. */
const scatter = 10_000;

export interface RoutedPath extends ForwardingPath {
  /** From now on, packets go to so many destinations in turn. */
  aim(flows: number): Promise<void>;
  /** How long the kernel took to take the routes. */
  readonly loadMs: number;
}

export async function openRoutedPath(cpu: number, routes: number): Promise<RoutedPath> {
  let loadMs = 0;
  const path = await openPath(cpu, {
    arriving: mac(neighbour),
    make: async (gen, dut, sink) => {
      await makeRouter(gen, dut, sink);
      const started = performance.now();
      // A single route for all of them.
      if (routes === 1) await ip(dut, `route add ${ipv4Address(firstDestination)}/4 ${via}`);
      else await addRoutes(dut, routes, via);
      loadMs = performance.now() - started;
    },
  });
  const destination = ipv4Address(firstDestination);
  const packet = ipv4({ source: '192.0.2.2', destination, protocol: 17, payload: udp(9, 9, '00'.repeat(18)), ttl });
  const frame = sized(ethernet(router, sender, 0x0800, packet), frameLength);
  const header = Buffer.from(frame, 'hex');
  return {
    ...path,
    loadMs,
    aim: async (flows) => {
      await path.station.ask('generator', {
        ...path.generator,
        object: await programObject('generator'),
        program: 'generate_routed',
        frame,
        constants: {
          flows,
          ttl,
          destination: firstDestination,
          networks: routes === 1 ? scatter : routes,
          addresses: [0, 4, 8].map((offset) => readU32(header, offset)),
          header_sum: headerSum(packet),
        },
      });
    },
  };
}

/** The sum of the IP header without destination and checksum, of words as the machine's byte order has them. */
function headerSum(packet: string): number {
  const sum = ~checksum(`${packet.slice(0, 20)}0000${packet.slice(24, 32)}`) & 0xffff;
  return ((sum & 0xff) << 8) | (sum >> 8);
}

async function makeRouter(gen: string, dut: string, sink: string): Promise<void> {
  const settings = ['net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0'];
  await inNetns(dut, ['sysctl', '-qw', ...settings]);
  await ip(
    dut,
    `link add p1 address ${router} type veth peer name g0 netns ${gen}`,
    `link add p2 type veth peer name s0 netns ${sink}`,
    'link set p1 up',
    'link set p2 up',
    'addr add 192.0.2.1/24 dev p1',
    'addr add 198.51.100.1/24 dev p2',
    `neigh add 198.51.100.2 lladdr ${neighbour} dev p2 nud permanent`,
  );
  await ip(gen, 'link set g0 up');
  await ip(sink, 'link set s0 up');
}
