// SPDX-License-Identifier: Apache-2.0
// What a kernel can do for the rules in force: per service and hook yes or what is missing, and for what is missing the
// services that it costs and the ways to come by it.

import { remedy } from '../library/kernels.js';
import type { FpmLibrary } from '../model/library.js';
import { alternatives } from '../model/library.js';
import type { Hook, RuleSet } from '../model/ruleset.js';
import type { Capability } from '../model/snapshot.js';

/** One need: a single probe, or several of which one is enough. */
export interface NeedReport {
  readonly need: string;
  readonly answer: Capability['answer'];
  /** The probe that has it, with its evidence; without one, all that were asked. */
  readonly evidence: string;
  readonly purpose: string | undefined;
  /** FPMs; empty for what TNA itself needs. */
  readonly neededBy: readonly string[];
  /** What is left to the kernel for want of it, as `service at hook`, with ` if CONDITION` where that is not so always. */
  readonly costs: readonly string[];
  /** How to come by it. */
  readonly remedy: string | undefined;
}

export interface ServiceReport {
  readonly service: string;
  readonly hook: Hook;
  /** At least for some configurations. */
  readonly possible: boolean;
  /** Conditions under which it is not possible though it is otherwise. */
  readonly except: readonly string[];
  /** Needs that are not met. */
  readonly missing: readonly string[];
}

export interface CapabilityReport {
  /** The way in which programs read kernel memory here; undefined when there is none. */
  readonly window: { readonly name: string; readonly summary: string } | undefined;
  readonly services: readonly ServiceReport[];
  readonly needs: readonly NeedReport[];
}

/** Every probe that a report is made from. */
export function probesToReport(library: FpmLibrary, own: readonly string[]): readonly string[] {
  const needs = [...own, ...library.modules.flatMap((module) => module.needs)];
  return [...new Set([...needs, ...library.kernels.windows.flatMap((window) => window.needs)].flatMap(alternatives))];
}

/** `own`: what TNA itself needs, whatever the rules. */
export function reportCapabilities(
  rules: RuleSet,
  library: FpmLibrary,
  own: readonly string[],
  answers: readonly Capability[],
): CapabilityReport {
  const known = new Map(answers.map((answer) => [answer.probe, answer]));
  const answerOf = (need: string): Capability['answer'] => {
    const given = alternatives(need).map((probe) => known.get(probe)?.answer ?? 'unknown');
    return given.includes('yes') ? 'yes' : given.includes('unknown') ? 'unknown' : 'no';
  };
  const users = new Map<string, string[]>(own.map((need) => [need, []]));
  for (const module of library.modules)
    for (const need of module.needs) users.set(need, [...(users.get(need) ?? []), module.name]);
  const services = rules.services.flatMap((service) =>
    service.hooks.map((hook): ServiceReport => {
      const here = service.modules.filter(({ hooks }) => hooks.includes(hook));
      const lacking = here.flatMap(({ fpm, when }) => {
        const needs = library.modules.find((module) => module.name === fpm)?.needs ?? [];
        const missing = needs.filter((need) => answerOf(need) !== 'yes');
        return missing.length === 0 ? [] : [{ when, missing }];
      });
      const possible = lacking.every(({ when }) => when !== undefined);
      return {
        service: service.name,
        hook,
        possible,
        except: possible ? [...new Set(lacking.flatMap(({ when }) => when?.text ?? []))] : [],
        missing: [...new Set(lacking.flatMap(({ missing }) => missing))],
      };
    }),
  );
  const needs = [...users].map(([need, neededBy]): NeedReport => {
    const probes = alternatives(need);
    const has = probes.map((probe) => known.get(probe)).find((answer) => answer?.answer === 'yes');
    const asked = probes.map((probe) => `${probe}: ${known.get(probe)?.evidence ?? 'not asked'}`);
    const single = known.get(probes[0] ?? '')?.evidence ?? 'not asked';
    const evidence = has !== undefined && probes.length > 1 ? `${has.probe}: ${has.evidence}` : asked.join('; ');
    const notes = library.kernels.capabilities;
    return {
      need,
      answer: answerOf(need),
      evidence: probes.length === 1 ? single : evidence,
      purpose: probes.flatMap((probe) => notes.find((note) => note.probe === probe)?.purpose ?? [])[0],
      neededBy,
      costs: services
        .filter(({ missing }) => missing.includes(need))
        .map(
          ({ service, hook, except }) =>
            `${service} at ${hook}${except.length === 0 ? '' : ` if ${except.join(' or ')}`}`,
        ),
      remedy: answerOf(need) === 'yes' ? undefined : remedy(library.kernels, probes),
    };
  });
  const window = library.kernels.windows.find(({ needs }) => needs.every((need) => answerOf(need) === 'yes'));
  return {
    window: window === undefined ? undefined : { name: window.name, summary: window.summary },
    services,
    needs,
  };
}
