// SPDX-License-Identifier: Apache-2.0
// The forwarding path that is measured: generator g0 — p1 (bridge br0, or what a plan makes) p2 — s0 sink, in three namespaces.

import { ethernet, ipv4, sized, udp } from '../support/lab/frame.js';
import { addNetns, bridge, deleteNetns, inNetns, ip, netnsName } from '../support/lab/netns.js';
import { ifindexes, quieten } from './devices.js';
import { programObject } from './programs.js';
import { Station } from './station-client.js';

/** Sources 02:00:00:00:01:00 to :c7, which the bridge learns; one destination, which it is told. */
export const sourceAddresses = 200;
const source = '02:00:00:00:01:00';
const destination = '02:5a:5a:5a:00:01';
/** 64 bytes on an Ethernet, without the frame check sequence. */
const frameLength = 60;

export interface Port {
  readonly name: string;
  readonly ifindex: number;
}

export interface ForwardingPath {
  /** The namespace with the bridge: the device under test. */
  readonly netns: string;
  readonly ingress: Port;
  readonly egress: Port;
  readonly station: Station;
  /** Sends through the path and tells what came out. */
  send(frames: number): Promise<Sent>;
  close(): Promise<void>;
}

export interface Sent {
  readonly frames: number;
  readonly arrived: number;
  /** Nanoseconds per frame for generator, forwarding and sink together, as the kernel measured them. */
  readonly nsPerFrame: number;
}

/** What makes a path one to measure: its middle, and what is sent through it. */
export interface PathPlan {
  /** Devices `g0` to `p1` and `p2` to `s0`, and all that the middle needs to forward. */
  make(gen: string, dut: string, sink: string): Promise<void>;
  /** First four bytes of the destination address of frames that arrive. */
  readonly arriving: string;
}

export interface BarePath extends ForwardingPath {
  readonly generator: { readonly netns: string; readonly ifindex: number };
}

/** Three namespaces as planned, and the sink. The caller starts the generator. */
export async function openPath(cpu: number, plan: PathPlan): Promise<BarePath> {
  const [gen, dut, sink] = [netnsName('gen'), netnsName('dut'), netnsName('sink')] as const;
  const station = Station.start(cpu);
  const close = async () => {
    await station.close();
    await deleteNetns(gen, dut, sink);
  };
  try {
    await addNetns(gen, dut, sink);
    await quieten(gen, dut, sink);
    await plan.make(gen, dut, sink);
    // A frame is redirected into a veth only if the other end polls, which without an XDP program needs GRO.
    await inNetns(dut, ['ethtool', '-K', 'p1', 'gro', 'on']);
    await inNetns(dut, ['ethtool', '-K', 'p2', 'gro', 'on']);
    const [inGen, inDut, inSink] = await Promise.all([gen, dut, sink].map(ifindexes));
    await station.ask('sink', {
      netns: sink,
      ifindex: indexOf(inSink, 's0'),
      object: await programObject('sink'),
      destination: plan.arriving,
    });
    return {
      netns: dut,
      ingress: { name: 'p1', ifindex: indexOf(inDut, 'p1') },
      egress: { name: 'p2', ifindex: indexOf(inDut, 'p2') },
      generator: { netns: gen, ifindex: indexOf(inGen, 'g0') },
      station,
      send: async (frames) => ({ frames, ...(await station.ask('send', { frames })) }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

export async function openForwardingPath(cpu: number): Promise<ForwardingPath> {
  const path = await openPath(cpu, { make: makeDevices, arriving: destination.replaceAll(':', '') });
  try {
    await path.station.ask('generator', {
      ...path.generator,
      object: await programObject('generator'),
      program: 'generate',
      frame: sized(ethernet(destination, source, 0x0800, datagram()), frameLength),
      constants: { flows: sourceAddresses },
    });
    return path;
  } catch (error) {
    await path.close();
    throw error;
  }
}

async function makeDevices(gen: string, dut: string, sink: string): Promise<void> {
  await ip(
    dut,
    'link add br0 type bridge stp_state 0',
    `link add p1 type veth peer name g0 netns ${gen}`,
    `link add p2 type veth peer name s0 netns ${sink}`,
    'link set p1 master br0 up',
    'link set p2 master br0 up',
    'link set br0 up',
  );
  await ip(gen, 'link set g0 up');
  await ip(sink, 'link set s0 up');
  await bridge(dut, `fdb add ${destination} dev p2 master static`);
}

function datagram(): string {
  return ipv4({ source: '192.0.2.1', destination: '192.0.2.2', protocol: 17, payload: udp(9, 9, '00'.repeat(18)) });
}

function indexOf(indexes: ReadonlyMap<string, number> | undefined, name: string): number {
  const index = indexes?.get(name);
  if (index === undefined) throw new Error(`there is no device ${name}`);
  return index;
}
