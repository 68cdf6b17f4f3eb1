// SPDX-License-Identifier: Apache-2.0
// A bridge with very many ports: what TNA adds to the time that the kernel itself takes to attach programs.

import { addNetns, deleteNetns, ip, netnsName } from '../support/lab/netns.js';
import { ifindexes, quieten } from './devices.js';
import { atMost, figure } from './figure.js';
import type { BenchOptions } from './options.js';
import { programObject } from './programs.js';
import type { SectionReport } from './report.js';
import { Station } from './station-client.js';
import type { BareHook } from './station-protocol.js';
import { summarise } from './statistics.js';
import { Tna } from './tna.js';

/** At most so many ports fit on one bridge (BR_MAX_PORTS). */
const portsPerBridge = 1000;

interface PortsResult {
  readonly ports: number;
  readonly hook: string;
  /** The kernel alone, in a bare loop. */
  readonly attachMs: number;
  readonly detachMs: number;
  readonly coldMs: number;
  readonly tnaDetachMs: number;
  readonly noChangeMs: readonly number[];
  readonly planMs: readonly number[];
}

export async function measurePorts(
  options: BenchOptions,
  progress: (text: string) => void,
): Promise<Omit<SectionReport, 'seconds'>> {
  const [dut, hosts] = [netnsName('dut'), netnsName('hosts')] as const;
  const station = Station.start(options.cpu);
  try {
    await addNetns(dut, hosts);
    await quieten(dut, hosts);
    progress(`making ${options.ports} ports`);
    const names = Array.from({ length: options.ports }, (_, i) => `p${i + 1}`);
    await makePorts(dut, hosts, names);
    const tna = new Tna(dut, options.library);
    const result = await measure(dut, names, tna, station, progress);
    await tna.close();
    return report(result);
  } finally {
    await station.close();
    await deleteNetns(dut, hosts);
  }
}

async function makePorts(dut: string, hosts: string, names: readonly string[]): Promise<void> {
  const bridgeOf = (index: number) => `br${Math.floor(index / portsPerBridge)}`;
  const bridges = [...new Set(names.map((_, index) => bridgeOf(index)))];
  await ip(dut, ...bridges.map((name) => `link add ${name} up type bridge stp_state 0`));
  await ip(dut, ...names.map((name) => `link add ${name} type veth peer name ${name} netns ${hosts}`));
  await ip(hosts, ...names.map((name) => `link set ${name} up`));
  await ip(dut, ...names.map((name, index) => `link set ${name} master ${bridgeOf(index)} up`));
}

async function measure(
  dut: string,
  names: readonly string[],
  tna: Tna,
  station: Station,
  progress: (text: string) => void,
): Promise<PortsResult> {
  const indexes = [...(await ifindexes(dut))].filter(([name]) => names.includes(name)).map(([, ifindex]) => ifindex);
  const object = await programObject('redirect');
  const attachBare = (hook: BareHook, some: readonly number[]) => {
    progress('the kernel alone');
    return station.ask('attachAll', { netns: dut, hook, object, ifindexes: some });
  };
  // What else the machine does prolongs every grace period of the kernel: one half is timed before, one after.
  const half = Math.floor(indexes.length / 2);
  const expected: BareHook = 'tc';
  const before = await attachBare(expected, indexes.slice(0, half));
  progress(`cold pass over ${names.length} ports`);
  const cold = await tna.run('reconcile', '--once');
  const status = (await tna.status()).filter(({ name }) => names.includes(name));
  const slow = status.find(({ accelerated }) => !accelerated);
  if (status.length !== names.length || slow !== undefined)
    throw new Error(`${slow?.name ?? 'a port'} is not accelerated: ${slow?.reasons[0]?.message ?? 'not in status'}`);
  const hook = status[0]?.hook;
  if (hook !== expected) throw new Error(`TNA chose ${hook ?? 'no hook'} for veth ports instead of ${expected}`);
  const [noChangeMs, planMs] = [[], []] as [number[], number[]];
  for (let i = 0; i < 5; i++) {
    progress(`pass ${i + 1} of 5 with nothing to do`);
    noChangeMs.push((await tna.run('reconcile', '--once')).ms);
    planMs.push((await tna.run('plan')).ms);
  }
  progress('detach');
  const detached = await tna.detach();
  const after = await attachBare(expected, indexes.slice(half));
  return {
    ports: names.length,
    hook,
    attachMs: before.attachMs + after.attachMs,
    detachMs: before.detachMs + after.detachMs,
    coldMs: cold.ms,
    tnaDetachMs: detached.ms,
    noChangeMs,
    planMs,
  };
}

function report(result: PortsResult): Omit<SectionReport, 'seconds'> {
  const { ports, hook, attachMs, detachMs, coldMs, tnaDetachMs, noChangeMs, planMs } = result;
  const beyond = (coldMs - attachMs) / 1000;
  const noChange = summarise(noChangeMs);
  const goalIsForThese = ports >= 1000;
  const rows: readonly (readonly [string, number])[] = [
    [`the kernel alone: attach ${ports} empty programs by ${hook}`, attachMs],
    ['tna reconcile --once, cold', coldMs],
    ['the kernel alone: detach', detachMs],
    ['tna detach', tnaDetachMs],
    ['tna reconcile --once, nothing to do (median)', noChange.median],
    ['tna plan, nothing to do (median)', summarise(planMs).median],
  ];
  return {
    section: 'ports',
    title: `Many ports: ${ports} veth ports on a bridge`,
    figures: [
      figure('ports', summarise([beyond]), {
        id: 'ports.cold-beyond-kernel',
        label: `${ports} ports, cold pass beyond the kernel's own attach time`,
        unit: 's',
        goal: atMost(5),
      }),
      figure('ports', noChange, {
        id: 'ports.no-change',
        label: `${ports} ports, pass with nothing to do`,
        unit: 'ms',
        decimals: 0,
        goal: atMost(300),
      }),
      figure('ports', summarise([attachMs / 1000]), { id: 'ports.kernel-attach', label: 'kernel attach', unit: 's' }),
      figure('ports', summarise([coldMs / 1000]), { id: 'ports.cold', label: 'cold pass', unit: 's' }),
    ],
    table: [['', 'ms'], ...rows.map(([label, ms]) => [label, ms.toFixed(0)])],
    notes: goalIsForThese ? [] : [`The goals are for 1,000 ports; this run has ${ports}.`],
    raw: result,
  };
}
