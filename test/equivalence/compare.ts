// SPDX-License-Identifier: Apache-2.0
// Compares two sides of a case: what came out of every port in which order, and the kernel's state afterwards.

import type { Send } from '../support/lab/agent.js';
import { mac } from '../support/lab/frame.js';
import type { Configuration } from './configuration.js';
import { ErrorBudget } from './error-budget.js';
import type { Outcome } from './side.js';

export interface Difference {
  readonly what: string;
  /** Index of the frame sent, where one is to blame. */
  readonly frame: number | undefined;
  readonly expected: string;
  readonly actual: string;
  /** The same frame, but it came while another one was sent. */
  readonly late?: true;
}

/** How an ICMP error of the host's own begins: its precedence is "internetwork control". Its identification may be 0 by chance. */
const icmpError = '45c0';

interface Arrival {
  readonly frame: number;
  readonly text: string;
}

/**
 * What the host itself sends carries an identification that the kernel draws at random: of IPv4, and of fragments of IPv6. It
 * and the header checksum are masked in frames from a bridge's own address and, where packets are routed, in those that have
 * one: no packet that stations send has, and no fragment of IPv6 a number above 255. Behind a VLAN tag, too, where packets are routed.
 */
function masked(bytes: string, isOwn: (bytes: string) => boolean, routed: boolean): string {
  if (routed && /^8100|^88a8/.test(bytes.slice(24, 28))) {
    const untagged = masked(bytes.slice(0, 24) + bytes.slice(32), isOwn, routed);
    return untagged.slice(0, 24) + bytes.slice(24, 32) + untagged.slice(24);
  }
  if (routed && /^.{24}86dd6.{11}2c/.test(bytes) && bytes.slice(116, 122) !== '000000') {
    return `${bytes.slice(0, 116)}--------${bytes.slice(124)}`;
  }
  if (bytes.slice(24, 28) !== '0800' || !isOwn(bytes)) {
    return bytes;
  }
  return `${bytes.slice(0, 36)}----${bytes.slice(40, 48)}----${bytes.slice(52)}`;
}

/** A BPDU of one of the bridge's own ports: a timer sends it, at another time on each side. */
function isOwnBpdu(bytes: string, ports: ReadonlySet<string>): boolean {
  return /^0180c200000[08]/.test(bytes) && ports.has(bytes.slice(12, 24)) && bytes.slice(28, 34) === '424203';
}

/** What multicast listeners report (MLD), which timers send, too. */
function isReport(bytes: string): boolean {
  return bytes.startsWith('333300000016');
}

function arrivals(
  configuration: Configuration,
  outcome: Outcome,
  budget: ErrorBudget | undefined,
): Map<number, Arrival[]> {
  const bridges = new Set(configuration.bridges.map((bridge) => mac(bridge.mac)));
  const isOwn = (bytes: string) =>
    configuration.own === undefined
      ? bridges.has(bytes.slice(12, 24))
      : bytes.slice(36, 40) !== '0000' || bytes.slice(28, 32) === icmpError;
  const ports = new Set(configuration.ports.map((port) => mac(port.mac)));
  const perPort = new Map<number, Arrival[]>();
  const all = [...outcome.frames.map((frame) => frame.received), outcome.late];
  for (const [index, received] of all.entries()) {
    for (const { port, partial, bytes } of received) {
      if (isOwnBpdu(bytes, ports) || (configuration.own !== undefined && isReport(bytes))) continue;
      if (budget?.isUncertain(bytes, index, port) === true) continue;
      const list = perPort.get(port) ?? [];
      list.push({
        frame: index,
        text: `${partial ? 'partial checksum ' : ''}${masked(bytes, isOwn, configuration.own !== undefined)}`,
      });
      perPort.set(port, list);
    }
  }
  return perPort;
}

/** Ports of the configuration come first, captures after them. */
function portName(configuration: Configuration, port: number): string {
  return configuration.ports[port]?.name ?? `capture ${port - configuration.ports.length + 1}`;
}

function comparePorts(
  configuration: Configuration,
  expected: Outcome,
  actual: Outcome,
  budget: ErrorBudget | undefined,
): Difference[] {
  const differences: Difference[] = [];
  const left = arrivals(configuration, expected, budget);
  const right = arrivals(configuration, actual, budget);
  for (const port of [...new Set([...left.keys(), ...right.keys()])].sort((a, b) => a - b)) {
    const wanted = left.get(port) ?? [];
    const got = right.get(port) ?? [];
    const exact = configuration.kind === 'tap';
    for (let i = 0; i < Math.max(wanted.length, got.length); i += 1) {
      const a = wanted[i];
      const b = got[i];
      if (a === undefined || b === undefined || a.text !== b.text || (exact && a.frame !== b.frame)) {
        const show = (one: Arrival | undefined) =>
          one === undefined ? 'nothing' : `after frame ${one.frame}: ${one.text}`;
        differences.push({
          what: `frames at ${portName(configuration, port)} (number ${i} of ${wanted.length}, got ${got.length})`,
          frame: Math.min(a?.frame ?? Number.MAX_SAFE_INTEGER, b?.frame ?? Number.MAX_SAFE_INTEGER),
          expected: show(a),
          actual: show(b),
          ...(a !== undefined && b !== undefined && a.text === b.text ? { late: true as const } : {}),
        });
        // What follows on this port is only shifted.
        break;
      }
    }
  }
  return differences;
}

function compareLines(what: string, expected: readonly string[], actual: readonly string[]): Difference[] {
  const missing = expected.filter((line) => !actual.includes(line));
  const extra = actual.filter((line) => !expected.includes(line));
  if (missing.length === 0 && extra.length === 0) {
    return [];
  }
  return [{ what, frame: undefined, expected: missing.join('\n'), actual: extra.join('\n') }];
}

/** A fast path refreshes entries later than Linux does, by less than a second; the sides differ by a little, too. */
const lag = 2;

/** Entries that were in use to the end must have been so here, too. Of others the age depends on how long a side took. */
function compareActivity(expected: Outcome, actual: Outcome): Difference[] {
  const differences = compareEvents(expected.events, actual.events);
  const times = new Map(expected.activity.map((one) => [one.entry, one]));
  for (const { entry, updated, used } of actual.activity) {
    const due = times.get(entry);
    const old = (wanted: number, got: number) => wanted <= 1 && got > wanted + lag;
    if (due !== undefined && (old(due.updated, updated) || old(due.used, used))) {
      differences.push({
        what: `activity of ${entry}`,
        frame: undefined,
        expected: `refreshed ${due.updated} s ago, used ${due.used} s ago`,
        actual: `refreshed ${updated} s ago, used ${used} s ago`,
      });
    }
  }
  return differences;
}

function compareEvents(expected: readonly string[], actual: readonly string[]): Difference[] {
  const [left, right] = [expected.join('\n'), actual.join('\n')];
  return left === right ? [] : [{ what: 'events of the FDB', frame: undefined, expected: left, actual: right }];
}

/** @param frames that were sent */
export function compare(
  configuration: Configuration,
  frames: readonly Send[],
  expected: Outcome,
  actual: Outcome,
): Difference[] {
  const budget =
    configuration.own === undefined
      ? undefined
      : new ErrorBudget(
          frames,
          expected.frames.map(({ received }) => received),
        );
  const differences = comparePorts(configuration, expected, actual, budget);
  for (const [index, frame] of expected.frames.entries()) {
    const errno = actual.frames[index]?.errno;
    if (errno !== frame.errno) {
      differences.push({
        what: 'result of the send',
        frame: index,
        expected: `errno ${frame.errno}`,
        actual: `errno ${errno}`,
      });
      break;
    }
  }
  const subjects: (
    | 'fdb'
    | 'ports'
    | 'groups'
    | 'vlans'
    | 'neighbours'
    | 'reachability'
    | 'local'
    | 'filters'
    | 'exceptions'
    | 'counters'
  )[] =
    configuration.own === undefined
      ? ['fdb', 'ports', 'groups', 'vlans', 'neighbours', 'local', 'filters']
      : [
          ...(configuration.bridges.length > 0 ? (['fdb'] as const) : []),
          'ports',
          'reachability',
          'exceptions',
          'counters',
          'filters',
        ];
  for (const subject of subjects) {
    const [left, right] = [expected.state[subject], actual.state[subject]];
    const counts = (line: string) => subject !== 'counters' || budget?.mayDiffer(line) !== true;
    differences.push(...compareLines(`kernel state: ${subject}`, left.filter(counts), right.filter(counts)));
  }
  differences.push(...compareLines('messages of commands', expected.messages, actual.messages));
  differences.push(...compareActivity(expected, actual));
  // The earliest is the cause of most others.
  return differences.sort((a, b) => (a.frame ?? Number.MAX_SAFE_INTEGER) - (b.frame ?? Number.MAX_SAFE_INTEGER));
}
