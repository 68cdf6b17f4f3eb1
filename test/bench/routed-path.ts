// SPDX-License-Identifier: Apache-2.0
// The path of path.ts with a router in its middle, and as many routes as wanted, all through the neighbour behind p2. Of a gateway,
// the sender's port is one of a bridge that has the router's addresses.

import { mac } from '../support/lab/frame.js';
import { ip } from '../support/lab/netns.js';
import { type ForwardingPath, openPath } from './path.js';
import { programObject } from './programs.js';
import { addressWords, type RoutedFamily } from './routed-family.js';

/** The sink knows frames by the first four bytes of their destination: those that nobody has rewritten arrive, too. */
const router = '02:5a:5a:5a:00:01';
const neighbour = '02:5a:5a:5a:00:02';
const sender = '02:5a:5a:5a:00:03';
/** As many networks as the destinations are scattered over if there is a single route for them all. */
const scatter = 10_000;

export interface RoutedPath extends ForwardingPath {
  /** From now on, packets go to so many destinations in turn. */
  aim(flows: number): Promise<void>;
  /** How long the kernel took to take the routes. */
  readonly loadMs: number;
}

export async function openRoutedPath(
  cpu: number,
  routes: number,
  family: RoutedFamily,
  gateway: boolean,
): Promise<RoutedPath> {
  let loadMs = 0;
  const path = await openPath(cpu, {
    arriving: mac(neighbour),
    make: async (gen, dut, sink) => {
      await makeDevices(gen, dut, sink);
      if (gateway) await addBridge(dut);
      await family.configure(dut, gateway ? 'br0' : 'p1', neighbour);
      const started = performance.now();
      await family.route(dut, routes);
      loadMs = performance.now() - started;
    },
  });
  const frame = family.frame(router, sender);
  return {
    ...path,
    loadMs,
    aim: async (flows) => {
      await path.station.ask('generator', {
        ...path.generator,
        object: await programObject('generator'),
        program: family.program,
        frame,
        constants: {
          ...family.constants(),
          flows,
          networks: routes === 1 ? scatter : routes,
          addresses: addressWords(frame),
        },
      });
    },
  };
}

async function makeDevices(gen: string, dut: string, sink: string): Promise<void> {
  await ip(
    dut,
    `link add p1 address ${router} type veth peer name g0 netns ${gen}`,
    `link add p2 type veth peer name s0 netns ${sink}`,
    'link set p1 up',
    'link set p2 up',
  );
  await ip(gen, 'link set g0 up');
  await ip(sink, 'link set s0 up');
}

async function addBridge(dut: string): Promise<void> {
  await ip(
    dut,
    `link add br0 address ${router} type bridge mcast_snooping 0`,
    'link set p1 address 02:5a:5a:5a:00:04 master br0',
    'link set br0 up',
  );
}
