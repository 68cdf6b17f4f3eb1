// SPDX-License-Identifier: Apache-2.0
// Whether a library without a check is caught: only directed cases that aim at the check run, until one sees a difference.

import { join } from 'node:path';
import { probe } from 'bpf-loader-native';
import type { Accelerator } from './accelerator.js';
import type { Hook } from './configuration.js';
import { directedCases } from './directed.js';
import type { Directed } from './directed-case.js';
import { equivalents } from './equivalents.js';
import { vlanFiltering } from './features.js';
import { buildMutant, findMutations, type Mutation } from './mutations.js';
import type { Resident } from './resident-accelerator.js';
import { routerCases } from './routing/directed.js';
import { gatewayCases } from './routing/gateway.js';
import { vlanGatewayCases } from './routing/gateway-vlans.js';
import { type CaseResult, makeCase, runCase } from './runner.js';

/**
 * `caught`: a difference was seen. `refused`: the verifier does not load the program without the check. `equivalent`:
 * listed, and nothing was seen. `wrong`: listed as equivalent, but caught, or not caught without both checks.
 */
export type Kind = 'caught' | 'refused' | 'equivalent' | 'survived' | 'not aimed at' | 'wrong';

export interface Verdict {
  readonly kind: Kind;
  readonly text: string;
}

/** Judges mutants and prints a line for each; whether all are caught or listed. */
export async function judgeAll(judge: Judge, mutations: readonly Mutation[], jobs: number): Promise<boolean> {
  const counts = new Map<Kind, number>();
  let next = 0;
  const worker = async () => {
    for (let mutation = mutations[next++]; mutation !== undefined; mutation = mutations[next++]) {
      const { kind, text } = await judge.verdict(mutation);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      console.log(`${mutation.id.padEnd(38)} ${kind.padEnd(12)} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  const count = (kind: Kind): number => counts.get(kind) ?? 0;
  console.log(
    `${mutations.length} mutants: ${count('caught')} caught, ${count('refused')} refused by the verifier, ${count('equivalent')} equivalent (listed), ${count('survived')} survived, ${count('not aimed at')} not aimed at, ${count('wrong')} listed wrongly`,
  );
  return count('survived') + count('not aimed at') + count('wrong') === 0;
}

/** Two at a time, in order, until `stop` says so. */
export async function inPairs<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  stop: () => boolean = () => false,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length && !stop()) {
      const item = items[next];
      next += 1;
      if (item !== undefined) {
        await work(item);
      }
    }
  };
  await Promise.all([worker(), worker()]);
}

const vlanSpecific = /vlan/;

/** Random bridges that filter VLANs. */
function randomVlanCases(): Directed[] {
  if (!vlanFiltering) return [];
  const places = [
    ['tap', 'xdp'],
    ['veth', 'tc'],
  ] as const;
  const cases: Directed[] = [];
  for (let seed = 41_000; cases.length < randomCases; seed += 1) {
    const [kind, hook] = places[seed % 2] as (typeof places)[number];
    const one = makeCase(seed, kind, hook, 200);
    if (one.configuration.vlans === undefined) continue;
    cases.push({ name: `random, seed ${seed} (${kind}, ${hook})`, aims: [], make: () => one, judge: () => [] });
  }
  return cases;
}

/** A listed mutant has nothing to show; so many cases must agree. */
const few = 4;

/** A bridge that filters VLANs and is configured at random may come upon what no directed case aims at. */
const randomCases = 12;

export interface Workshop {
  /** The library without these checks. */
  readonly library: (mutations: readonly Mutation[]) => Promise<string>;
  readonly accelerator: (hook: Hook, library: string) => Accelerator;
}

/** Name of a directory for the library without these checks. */
export function directoryName(mutations: readonly Mutation[]): string {
  return mutations.length === 0 ? 'original' : mutations.map(({ id }) => id.replace(':', '-')).join('+');
}

/** Builds libraries in a directory of its own, and has the commands of TNA run with them by one process. */
export function workshopIn(directory: string, resident: Resident): Workshop {
  return {
    library: (mutations) => buildMutant(mutations, join(directory, directoryName(mutations))),
    accelerator: (hook, library) => resident.accelerator(hook, library),
  };
}

/** The check that a listed one leaves its frames to. */
export function partnerOf(mutation: Mutation): Mutation | undefined {
  const listed = equivalents[mutation.id];
  return findMutations().find(({ id }) => id === listed?.with);
}

export class Judge {
  readonly #sound = new Map<string, Promise<boolean>>();
  readonly #cases = [
    ...directedCases(100),
    ...routerCases(),
    ...gatewayCases(),
    ...(vlanFiltering ? vlanGatewayCases() : []),
  ];
  #original: Promise<string> | undefined;

  constructor(readonly workshop: Workshop) {}

  async verdict(mutation: Mutation): Promise<Verdict> {
    const listed = equivalents[mutation.id];
    const excused =
      listed !== undefined && (listed.without === undefined || (await probe(listed.without)).answer === 'no');
    const alone = await this.#try([mutation], excused ? few : undefined);
    if (!excused || (alone.kind === 'caught' && listed.elsewhere === true)) {
      return alone;
    }
    if (alone.kind === 'caught') {
      return { kind: 'wrong', text: `listed as equivalent, but ${alone.text}` };
    }
    const partner = partnerOf(mutation);
    if (partner !== undefined) {
      const both = await this.#try([mutation, partner]);
      return both.kind === 'caught' || both.kind === 'refused'
        ? { kind: 'equivalent', text: `${listed.because}; without both ${both.text}` }
        : { kind: 'wrong', text: `${listed.because}, but without both: ${both.text}` };
    }
    return { kind: alone.kind === 'refused' ? 'refused' : 'equivalent', text: listed.because };
  }

  /** Directed cases that aim at a check; if there are none, the plain ones, which show at least whether it loads. */
  #aimed(mutations: readonly Mutation[]): Directed[] {
    const aimed = this.#cases.filter((one) => mutations.some(({ reason }) => one.aims.includes(reason)));
    if (aimed.length === 0) aimed.push(...this.#cases.filter((one) => one.name.startsWith('nothing ')));
    return mutations.some(({ reason }) => vlanSpecific.test(reason)) ? [...aimed, ...randomVlanCases()] : aimed;
  }

  async #try(mutations: readonly Mutation[], most?: number): Promise<Verdict> {
    const cases = this.#aimed(mutations).slice(0, most);
    const library = await this.workshop.library(mutations);
    let tried = 0;
    let caught: { name: string; what: string } | undefined;
    let refused: string | undefined;
    await inPairs(
      cases,
      async (one) => {
        const result = await this.#run(library, one).catch((error: unknown) => {
          const text = error instanceof Error ? error.message : String(error);
          if (!text.includes('cannot load')) {
            throw error;
          }
          refused ??= text.split('\n')[0] ?? '';
          return undefined;
        });
        tried += 1;
        const difference = result?.differences[0];
        if (difference !== undefined && (await this.#isSound(one))) {
          caught ??= { name: one.name, what: difference.what };
        }
      },
      () => caught !== undefined || refused !== undefined,
    );
    if (caught !== undefined) {
      return { kind: 'caught', text: `caught by ${caught.name}: ${caught.what}` };
    }
    if (refused !== undefined) {
      return { kind: 'refused', text: refused };
    }
    return cases.every((one) => one.aims.length === 0)
      ? { kind: 'not aimed at', text: 'no directed case comes upon it' }
      : { kind: 'survived', text: `${tried} cases` };
  }

  #run(library: string, one: Directed): Promise<CaseResult> {
    const made = one.make();
    return runCase(made, this.workshop.accelerator(made.hook, library));
  }

  /** A case that differs with the real library, too, proves nothing. */
  #isSound(one: Directed): Promise<boolean> {
    this.#original ??= this.workshop.library([]);
    let sound = this.#sound.get(one.name);
    if (sound === undefined) {
      sound = this.#original
        .then((library) => this.#run(library, one))
        .then((result) => result.differences.length === 0);
      this.#sound.set(one.name, sound);
    }
    return sound;
  }
}
