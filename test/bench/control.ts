// SPDX-License-Identifier: Apache-2.0
// The controller on a bridge with four ports: time of a plan and of a pass, time from a configuration event to the slot
// that is in force, and what the idle controller costs.

import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { addNetns, deleteNetns, ip, netnsName } from '../support/lab/netns.js';
import { type Background, startCommand, supervise } from './background.js';
import { quieten } from './devices.js';
import { atMost, type Figure, figure } from './figure.js';
import type { BenchOptions } from './options.js';
import { cpuNs, residentMiB } from './process-cost.js';
import type { SectionReport } from './report.js';
import { SlotWatch } from './slots.js';
import { quantile, summarise } from './statistics.js';
import { Tna } from './tna.js';

const ports = ['p1', 'p2', 'p3', 'p4'] as const;
/** The port that events happen to. */
const port = 'p4';
const eventTimeoutMs = 5000;

/** What somebody does to the host, and how many ports are accelerated afterwards. */
interface Event {
  readonly kind: string;
  readonly tool: 'bridge' | 'ip';
  readonly command: string;
  readonly accelerated: number;
}

const events: readonly Event[] = [
  {
    kind: 'port maps VLANs to tunnels',
    tool: 'bridge',
    command: `link set dev ${port} vlan_tunnel on`,
    accelerated: 3,
  },
  { kind: 'port no longer does', tool: 'bridge', command: `link set dev ${port} vlan_tunnel off`, accelerated: 4 },
  { kind: 'port leaves the bridge', tool: 'ip', command: `link set dev ${port} nomaster`, accelerated: 3 },
  { kind: 'port joins the bridge', tool: 'ip', command: `link set dev ${port} master br0`, accelerated: 4 },
];

interface ControlResult {
  readonly planMs: readonly number[];
  readonly coldMs: readonly number[];
  readonly noChangeMs: readonly number[];
  /** Milliseconds from just before the change to the slot, by kind of event. */
  readonly events: Readonly<Record<string, readonly number[]>>;
  /** The first event of each kind, by a controller that found everything deployed and has loaded nothing yet. */
  readonly firstEvents: readonly number[];
  readonly idleCpuPercent: number;
  readonly idleSeconds: number;
  readonly residentMiB: number;
}

export async function measureControl(
  options: BenchOptions,
  progress: (text: string) => void,
): Promise<Omit<SectionReport, 'seconds'>> {
  const [dut, hosts] = [netnsName('dut'), netnsName('hosts')] as const;
  try {
    await addNetns(dut, hosts);
    await quieten(dut, hosts);
    await ip(
      dut,
      'link add br0 type bridge stp_state 0',
      ...ports.flatMap((name) => [
        `link add ${name} type veth peer name ${name} netns ${hosts}`,
        `link set ${name} master br0 up`,
      ]),
      'link set br0 up',
    );
    await ip(hosts, ...ports.map((name) => `link set ${name} up`));
    const tna = new Tna(dut, options.library);
    const commands = await measureCommands(tna, options, progress);
    const daemon = await measureDaemon(dut, tna, options, progress);
    await tna.close();
    return report({ ...commands, ...daemon });
  } finally {
    await deleteNetns(dut, hosts);
  }
}

async function measureCommands(tna: Tna, options: BenchOptions, progress: (text: string) => void) {
  const [planMs, coldMs, noChangeMs] = [[], [], []] as [number[], number[], number[]];
  const repeat = options.quick ? 3 : 9;
  for (let i = 0; i < repeat; i++) {
    progress(`commands ${i + 1} of ${repeat}`);
    planMs.push((await tna.run('plan')).ms);
    coldMs.push((await tna.run('reconcile', '--once')).ms);
    noChangeMs.push((await tna.run('reconcile', '--once')).ms);
    if ((await tna.plannedActions()) !== 0) throw new Error('a pass over an unchanged host plans something');
    if (i + 1 < repeat) await tna.detach();
  }
  return { planMs, coldMs, noChangeMs };
}

async function measureDaemon(dut: string, tna: Tna, options: BenchOptions, progress: (text: string) => void) {
  const daemon = await supervise(tna.daemon());
  try {
    const watch = SlotWatch.open(tna.pins);
    try {
      watch.waitFor(ports.length, eventTimeoutMs);
      // The controller has adopted what runs; it has yet to subscribe to events.
      await sleep(1000);
      const first = await measureEvents(dut, watch, events.length, progress);
      const times = await measureEvents(dut, watch, options.events, progress);
      const idle = await measureIdle(daemon, options.quick ? 3 : 10, progress);
      return { events: times, firstEvents: Object.values(first).flat(), ...idle };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`${text}; the controller said: ${daemon.output.trim() || 'nothing'}`);
    } finally {
      watch.close();
    }
  } finally {
    await daemon.stop();
  }
}

async function measureEvents(dut: string, watch: SlotWatch, count: number, progress: (text: string) => void) {
  const times: Record<string, number[]> = Object.fromEntries(events.map(({ kind }) => [kind, []]));
  // Waiting for their next line, so that starting a process is not part of the time.
  const tools = {
    ip: await startCommand(['ip', '-n', dut, '-batch', '-']),
    bridge: await startCommand(['bridge', '-n', dut, '-batch', '-']),
  };
  try {
    for (let i = 0; i < count; i++) {
      const event = events[i % events.length] as Event;
      progress(`event ${i + 1} of ${count}: ${event.kind}`);
      const started = performance.now();
      tools[event.tool].write(event.command);
      times[event.kind]?.push(watch.waitFor(event.accelerated, eventTimeoutMs) - started);
      // Not in step with anything: neither with timers nor with the end of the controller's own pass.
      await sleep(60 + Math.random() * 60);
    }
  } finally {
    await tools.ip.stop();
    await tools.bridge.stop();
  }
  return times;
}

async function measureIdle(daemon: Background, seconds: number, progress: (text: string) => void) {
  progress(`idle controller, ${seconds} s`);
  const [before, from] = [cpuNs(daemon.pid), performance.now()];
  await sleep(seconds * 1000);
  const busyMs = (cpuNs(daemon.pid) - before) / 1e6;
  return {
    idleCpuPercent: (busyMs / (performance.now() - from)) * 100,
    idleSeconds: seconds,
    residentMiB: residentMiB(daemon.pid),
  };
}

function report(result: ControlResult): Omit<SectionReport, 'seconds'> {
  const all = [...result.firstEvents, ...Object.values(result.events).flat()];
  const ms = (values: readonly number[], id: string, label: string): Figure =>
    figure('control', summarise(values), { id, label, unit: 'ms', decimals: 1 });
  const single = (value: number, id: string, label: string, unit: string): Figure =>
    figure('control', summarise([value]), { id, label, unit });
  const byKind = Object.entries(result.events).filter(([, values]) => values.length > 0);
  return {
    section: 'control',
    title: 'Controller: a bridge with four veth ports',
    figures: [
      ms(result.planMs, 'plan', 'tna plan, wall time'),
      ms(result.coldMs, 'reconcile-cold', 'tna reconcile --once, cold'),
      ms(result.noChangeMs, 'reconcile-no-change', 'tna reconcile --once, nothing to do'),
      figure('control', summarise(all), {
        id: 'event-to-slot.p99',
        label: 'configuration event → slot in force, p99',
        unit: 'ms',
        decimals: 1,
        value: quantile(all, 0.99),
        goal: atMost(30),
      }),
      ms(all, 'event-to-slot.p50', 'configuration event → slot in force, p50'),
      single(result.idleCpuPercent, 'idle-cpu', 'idle controller', '% of a core'),
      single(result.residentMiB, 'resident', 'controller, resident', 'MiB'),
    ],
    table: [
      ['', 'median', 'p99', 'min–max', 'n'],
      ...[
        ['tna plan', result.planMs] as const,
        ['tna reconcile --once, cold', result.coldMs] as const,
        ['tna reconcile --once, nothing to do', result.noChangeMs] as const,
        ['first event of each kind → slot', result.firstEvents] as const,
        ...byKind.map(([kind, values]) => [`${kind} → slot`, values] as const),
      ].map(([label, values]) => row(label, values)),
    ],
    notes: [
      'Milliseconds. Commands: wall time of the process. Events: from just before the netlink request to the program array as user space sees it.',
      'The first event of each kind, when the code that handles it is cold, is listed apart; the goal is for all of them.',
      `Idle over ${result.idleSeconds} s: ${result.idleCpuPercent.toFixed(2)} % of a core; resident ${result.residentMiB.toFixed(0)} MiB.`,
    ],
    raw: result,
  };
}

function row(label: string, values: readonly number[]): readonly string[] {
  const { median, low, high, count } = summarise(values);
  return [
    label,
    median.toFixed(1),
    quantile(values, 0.99).toFixed(1),
    `${low.toFixed(1)}–${high.toFixed(1)}`,
    String(count),
  ];
}
