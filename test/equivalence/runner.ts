// SPDX-License-Identifier: Apache-2.0
// Runs one random case on both sides and judges it.

import type { Send } from '../support/lab/agent.js';
import { colons } from '../support/lab/frame.js';
import { addNetns, deleteNetns, netnsName } from '../support/lab/netns.js';
import type { Accelerator, Claim } from './accelerator.js';
import { compare, type Difference } from './compare.js';
import type { Configuration, Hook, PortKind } from './configuration.js';
import { vlanFiltering } from './features.js';
import { generateConfiguration } from './generate-configuration.js';
import { Random } from './random.js';
import { type Outcome, Side, type Wiring } from './side.js';
import { generateTraffic } from './traffic.js';

export interface Case {
  readonly seed: number;
  readonly kind: PortKind;
  readonly hook: Hook;
  readonly configuration: Configuration;
  readonly frames: readonly Send[];
  /** How many frames leave no doubt that the fast path had to forward them; by default what a bridge must. */
  readonly due?: (plain: Outcome, claims: readonly Claim[]) => number;
}

export interface CaseResult {
  readonly case: Case;
  readonly differences: readonly Difference[];
  readonly claims: readonly Claim[];
  /** Frames that had to be forwarded by the fast path. */
  readonly mustBeFast: number;
  /** Commands that the kernel refused, on both sides alike. */
  readonly refused: number;
  /** It differed at first and was equal when run again. */
  readonly unsteady: boolean;
  /** The run that differed, of an unsteady one. */
  readonly first?: CaseResult;
  readonly milliseconds: number;
}

export function makeCase(seed: number, kind: PortKind, hook: Hook, count: number): Case {
  const configuration = generateConfiguration(seed, kind, count, hook, vlanFiltering);
  return {
    seed,
    kind,
    hook,
    configuration,
    frames: generateTraffic(new Random(seed ^ 0x5bd1e995), configuration, count),
  };
}

/** Builds one side, sends everything, and takes it down again. */
async function runSide(one: Case, netns: string, peers: string, accelerator?: Accelerator, wiring?: Wiring) {
  const side = await Side.build(one.configuration, netns, peers, wiring);
  let started = false;
  try {
    if (accelerator !== undefined) {
      started = true;
      await accelerator.start(netns);
    }
    await side.send(one.frames);
    const outcome = await side.finish();
    const claims = accelerator === undefined ? [] : await accelerator.status(netns);
    return { outcome, claims };
  } finally {
    if (started) {
      await accelerator?.stop(netns);
    }
    await side.close();
  }
}

/**
 * Counts frames that leave no doubt: sent twice in a row, before any change, ordinary unicast of ordinary size to a
 * station in the FDB, and delivered both times to exactly one port, where it and the sender's port are both claimed as
 * accelerated. A veth without NAPI at its far end can't be sent XDP frames at all; frames from a tap with a
 * virtio_net_hdr are left to Linux.
 */
function countMustBeFast(one: Case, plain: Outcome, claims: readonly Claim[]): number {
  const claimed = new Set(claims.filter((claim) => claim.accelerated).map((claim) => claim.name));
  const { ports, changes } = one.configuration;
  const end = changes[0]?.before ?? one.frames.length;
  if (one.kind === 'veth' && one.hook === 'xdp' && !one.configuration.gro) {
    return 0;
  }
  // By XDP nothing passes a packet socket.
  if (one.hook === 'xdp' && one.configuration.setup.some(({ tool }) => tool === 'capture')) {
    return 0;
  }
  // A station in the FDB may be known in another VLAN than the frame's.
  if (one.configuration.vlans !== undefined) {
    return 0;
  }
  const known = (mac: string, port: number | undefined) =>
    port !== undefined &&
    plain.state.fdb.some((entry) => entry.includes(colons(mac)) && entry.includes(`"ifname":"${ports[port]?.name}"`));
  const accelerated = (port: number | undefined) => port !== undefined && claimed.has(ports[port]?.name ?? '');
  let count = 0;
  for (let i = 1; i < end; i += 1) {
    const frame = one.frames[i];
    const before = one.frames[i - 1];
    const received = plain.frames[i]?.received ?? [];
    const earlier = plain.frames[i - 1]?.received ?? [];
    if (frame === undefined || frame.virtio === true || frame.mark !== undefined || before?.bytes !== frame.bytes) {
      continue;
    }
    const unicast = (Number.parseInt(frame.bytes.slice(0, 2), 16) & 1) === 0;
    const untagged = !['8100', '88a8', '9100'].includes(frame.bytes.slice(24, 28));
    const ordinary = frame.bytes.length >= 120 && frame.bytes.length <= 1200;
    const single = received.length === 1 && earlier.length === 1 && received[0]?.port === earlier[0]?.port;
    // Hairpin mode: back out of the port is Linux's.
    const onward = received[0]?.port !== frame.port;
    const virtio = ports[frame.port]?.virtio === true;
    const ends = !virtio && before.port === frame.port && accelerated(frame.port) && accelerated(received[0]?.port);
    const found = known(frame.bytes.slice(0, 12), received[0]?.port) && known(frame.bytes.slice(12, 24), frame.port);
    if (unicast && untagged && ordinary && single && onward && ends && found) {
      count += 1;
    }
  }
  return count;
}

/** The ways in which a result can be wrong although both sides are equal. */
function judgeClaims(mustBeFast: number, claims: readonly Claim[]): Difference[] {
  const fast = claims.reduce((sum, claim) => sum + claim.counters.fast, 0);
  const differences: Difference[] = [];
  if (mustBeFast > 3 && fast === 0) {
    differences.push({
      what: 'claim of acceleration',
      frame: undefined,
      expected: `some of ${mustBeFast} frames on the fast path`,
      actual: 'none',
    });
  }
  for (const claim of claims) {
    if (!claim.accelerated && claim.reasons.length === 0) {
      differences.push({
        what: `status of ${claim.name}`,
        frame: undefined,
        expected: 'a reason',
        actual: 'not accelerated',
      });
    }
  }
  return differences;
}

/**
 * The stack's counters lack what the fast path forwarded, and nothing else; where there are bridges, a part of it. A device that is deleted takes
 * along what it has counted.
 */
function judgeCounters(
  { bridges, changes }: Configuration,
  plain: Outcome,
  accelerated: Outcome,
  claims: readonly Claim[],
): Difference[] {
  const fast = claims.reduce((sum, claim) => sum + claim.counters.fast, 0);
  const least = bridges.length > 0 ? 0 : fast;
  const most = changes.some(({ steps }) => steps.some(({ text }) => text.startsWith('link del '))) ? Infinity : fast;
  return (['received', 'forwarded'] as const).flatMap((what) => {
    const missing = plain.state[what] - accelerated.state[what];
    if (missing >= least && missing <= most) return [];
    const expected = `${bridges.length > 0 ? 'up to ' : ''}${fast} fewer, as many as the fast path forwarded`;
    return [{ what: `packets ${what} by the stack`, frame: undefined, expected, actual: `${missing} fewer` }];
  });
}

/**
 * Runs the case, and on veth once more if it differs: frames of veths pass a queue per CPU that all namespaces of the
 * machine share, and which drops when others flood it, with TNA or without. A wrong fast path is wrong every time.
 * On taps frames arrive while they are sent, unless the machine is so busy that a kernel thread has to take them: once more if all that
 * differs is when.
 *
 * @param wiring ports of another making, which both sides use one after the other
 */
export async function runCase(one: Case, accelerator: Accelerator, wiring?: Wiring): Promise<CaseResult> {
  const first = await runOnce(one, accelerator, wiring);
  if (first.differences.length === 0 || (one.kind === 'tap' && !first.differences.every(({ late }) => late === true))) {
    return first;
  }
  const second = await runOnce(one, accelerator, wiring);
  return second.differences.length === 0 ? { ...second, unsteady: true, first } : second;
}

async function inTurn(
  one: Case,
  [off, offPeers, on, onPeers]: readonly [string, string, string, string],
  accelerator: Accelerator,
  wiring: Wiring,
) {
  const plain = await runSide(one, off, offPeers, undefined, wiring);
  // With their namespaces, the first side's devices are free again.
  await deleteNetns(off, offPeers);
  return [plain, await runSide(one, on, onPeers, accelerator, wiring)] as const;
}

/** Runs the case with the accelerator off and on, in fresh namespaces that are gone afterwards. */
async function runOnce(one: Case, accelerator: Accelerator, wiring?: Wiring): Promise<CaseResult> {
  const start = performance.now();
  const names = ['off', 'offp', 'on', 'onp'].map(netnsName) as [string, string, string, string];
  await addNetns(...names);
  try {
    const [off, on] =
      wiring === undefined
        ? await Promise.all([runSide(one, names[0], names[1]), runSide(one, names[2], names[3], accelerator)])
        : await inTurn(one, names, accelerator, wiring);
    const mustBeFast = one.due?.(off.outcome, on.claims) ?? countMustBeFast(one, off.outcome, on.claims);
    return {
      case: one,
      differences: [
        ...compare(one.configuration, one.frames, off.outcome, on.outcome),
        ...(one.configuration.own === undefined
          ? []
          : judgeCounters(one.configuration, off.outcome, on.outcome, on.claims)),
        ...judgeClaims(mustBeFast, on.claims),
      ],
      claims: on.claims,
      mustBeFast,
      unsteady: false,
      refused: off.outcome.messages.join('\n').match(/^Command failed/gm)?.length ?? 0,
      milliseconds: performance.now() - start,
    };
  } finally {
    await deleteNetns(...names);
  }
}
