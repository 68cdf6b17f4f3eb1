// SPDX-License-Identifier: Apache-2.0
// The benchmark's command line.

import { parseArgs } from 'node:util';
import { mostRoutes, mostRoutes6 } from '../support/lab/routes.js';
import type { FamilyName } from './routed-family.js';

const sectionsOf = {
  bridge: ['forwarding', 'tcp', 'control', 'ports'],
  route: ['routing', 'routed-tcp', 'routed-tcp6', 'table'],
  guards: [],
} as const;
export type Section = (typeof sectionsOf)['bridge' | 'route'][number];

export interface BenchOptions {
  /** The bridge or the router as a whole, or the FPMs that only check. */
  readonly what: 'bridge' | 'route' | 'guards';
  readonly quick: boolean;
  readonly only: readonly Section[];
  readonly output: 'text' | 'json';
  /** Also write the JSON here. */
  readonly jsonFile: string | undefined;
  /** Rounds of the forwarding section; one round measures each variant once. */
  readonly rounds: number;
  /** Frames per timed run. */
  readonly frames: number;
  /** Timed runs of a variant in one round. */
  readonly runs: number;
  /** Pairs of iperf3 runs. */
  readonly pairs: number;
  /** Seconds per iperf3 run. */
  readonly seconds: number;
  /** Configuration events. */
  readonly events: number;
  /** Bridge ports of the scale section. */
  readonly ports: number;
  /** Whose packets are routed. */
  readonly families: readonly FamilyName[];
  /** Numbers of routes, and of flows with each. */
  readonly routes: readonly number[];
  readonly flows: readonly number[];
  /** The sender is behind a port of a bridge that has the router's address. */
  readonly gateway: boolean;
  /** The core that generates, forwards and counts. */
  readonly cpu: number;
  /** FPM library to use instead of the built one. */
  readonly library: string | undefined;
}

/** Options of `guards`. */
export type GuardOptions = Pick<BenchOptions, 'rounds' | 'frames' | 'library'>;

export const usage = `usage: npm run bench -- bridge [options]
       npm run bench -- route [options]
       npm run bench -- guards [--rounds N] [--frames N] [--library DIR]   what each FPM that only checks costs
  --quick            at most a minute, coarser figures
  --only SECTION     bridge: ${sectionsOf.bridge.join(', ')}; route: ${sectionsOf.route.join(', ')} (repeatable)
  --rounds N         rounds of the forwarding or routing section
  --frames N         frames per timed run
  --runs N           timed runs of each variant in a round
  --pairs N          pairs of iperf3 runs
  --events N         configuration events
  --ports N          ports of the scale section
  --family 4|6       whose packets are routed (repeatable; both)
  --routes N         routes, at most ${mostRoutes.toLocaleString('en')}, of IPv6 ${mostRoutes6.toLocaleString('en')} (repeatable; 1, 10000 and 1000000)
  --flows N          destinations (repeatable; 1 and 10000)
  --gateway          the router's address is a bridge's, one of whose ports the sender is behind
  --cpu N            core that forwards (default 0)
  --library DIR      FPM library to measure instead of the built-in one
  -o text|json       format on standard output
  --json FILE        write JSON to a file as well
Exit codes: 0 every goal that was measured is met, 1 error, 2 usage, 3 a goal is missed, or
the machine was too busy to tell (unclear).`;

export class UsageError extends Error {}

/** @throws UsageError */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parse(args);
  if (values.help === true) throw new UsageError(usage);
  const [what] = positionals;
  if (positionals.length !== 1 || (what !== 'bridge' && what !== 'route' && what !== 'guards'))
    throw new UsageError(`say what to measure: bridge, route or guards\n${usage}`);
  const output = values.output ?? 'text';
  if (output !== 'text' && output !== 'json') throw new UsageError(`-o ${output}: text or json`);
  const quick = values.quick === true;
  const pick = (name: 'rounds' | 'frames' | 'runs' | 'pairs' | 'events' | 'ports', full: number, coarse: number) =>
    positive(name, values[name]) ?? (quick ? coarse : full);
  return {
    what,
    quick,
    only: values.only?.map((name) => section(name, sectionsOf[what])) ?? sectionsOf[what],
    output,
    jsonFile: values.json,
    rounds: pick('rounds', 9, 3),
    frames: pick('frames', 120_000, 50_000),
    runs: pick('runs', 5, 3),
    pairs: pick('pairs', 9, 3),
    seconds: 1,
    events: pick('events', 120, 30),
    ports: pick('ports', 1000, 100),
    families: (values.family ?? ['4', '6']).map(family),
    routes: (values.routes ?? ['1', '10000', '1000000']).map((text) => upTo('routes', text, mostRoutes)),
    flows: (values.flows ?? ['1', '10000']).map((text) => upTo('flows', text, 1 << 24)),
    gateway: values.gateway === true,
    cpu: values.cpu === undefined ? 0 : natural('cpu', values.cpu),
    library: values.library,
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        only: { type: 'string', multiple: true },
        output: { type: 'string', short: 'o' },
        json: text,
        rounds: text,
        frames: text,
        runs: text,
        pairs: text,
        events: text,
        ports: text,
        family: { type: 'string', multiple: true },
        routes: { type: 'string', multiple: true },
        flows: { type: 'string', multiple: true },
        gateway: { type: 'boolean' },
        cpu: text,
        library: text,
      },
    });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
}

function section(name: string, among: readonly Section[]): Section {
  const found = among.find((known) => known === name);
  if (found === undefined) throw new UsageError(`--only ${name}: ${among.join(', ')}`);
  return found;
}

function family(text: string): FamilyName {
  if (text === '4') return 4;
  if (text === '6') return 6;
  throw new UsageError(`--family ${text}: 4 or 6`);
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = natural(name, text);
  if (value === 0) throw new UsageError(`--${name} ${text}: must be at least 1`);
  return value;
}

function upTo(name: string, text: string, most: number): number {
  const value = positive(name, text) ?? 1;
  if (value > most) throw new UsageError(`--${name} ${text}: at most ${most}`);
  return value;
}

function natural(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`--${name} ${text}: must be a whole number`);
  return Number(text);
}
