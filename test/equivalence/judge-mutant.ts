// SPDX-License-Identifier: Apache-2.0
// Whether a library without a check is caught: only directed cases that aim at the check run, until one sees a difference.

import { join } from 'node:path';
import { probe } from 'bpf-loader-native';
import { tnaAccelerator } from './accelerator.js';
import { directedCases } from './directed.js';
import type { Directed } from './directed-case.js';
import { equivalents } from './equivalents.js';
import { buildMutant, findMutations, type Mutation } from './mutations.js';
import { routerCases } from './routing/directed.js';
import { type CaseResult, runCase } from './runner.js';

/**
 * `caught`: a difference was seen. `refused`: the verifier does not load the program without the check. `equivalent`:
 * listed, and nothing was seen. `wrong`: listed as equivalent, but caught, or not caught without both checks.
 */
export type Kind = 'caught' | 'refused' | 'equivalent' | 'survived' | 'not aimed at' | 'wrong';

export interface Verdict {
  readonly kind: Kind;
  readonly text: string;
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

/** A listed mutant has nothing to show; so many cases must agree. */
const few = 4;

/** Runs mutants in a directory of its own, where their libraries are built. */
export class Judge {
  readonly #sound = new Map<string, Promise<boolean>>();
  readonly #cases = [...directedCases(100), ...routerCases()];
  #original: Promise<string> | undefined;

  constructor(readonly directory: string) {}

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
    const partner = findMutations().find(({ id }) => id === listed.with);
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
    return aimed.length > 0 ? aimed : this.#cases.filter((one) => one.name.startsWith('nothing '));
  }

  async #try(mutations: readonly Mutation[], most?: number): Promise<Verdict> {
    const cases = this.#aimed(mutations).slice(0, most);
    const library = await buildMutant(
      mutations,
      join(this.directory, mutations.map(({ id }) => id.replace(':', '-')).join('+')),
    );
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
    return runCase(made, tnaAccelerator(made.hook, ['--library', library]));
  }

  /** A case that differs with the real library, too, proves nothing. */
  #isSound(one: Directed): Promise<boolean> {
    this.#original ??= buildMutant([], join(this.directory, 'original'));
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
