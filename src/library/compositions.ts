// SPDX-License-Identifier: Apache-2.0
// Which of the library's programs a pipeline runs from: one with just its FPMs, if the library has it, or the one with all.
import { compositionFlag, type FpmComposition, type FpmHook, type FpmModule, fpmFlag } from '../model/library.js';
import { fieldReader } from './fields.js';

/** Names of compositions become part of file names. */
const NAME = /^[a-z][a-z0-9-]*$/;

/**
 * As parsed from YAML. `file` is named in errors; `taken` are names that objects have already.
 * Throws {@link TnaError} `fpm-compositions`.
 */
export function parseCompositions(
  value: unknown,
  file: string,
  modules: readonly FpmModule[],
  taken: readonly string[],
): readonly FpmComposition[] {
  const read = fieldReader('fpm-compositions', file);
  const fpms = (of: unknown, at: string): readonly string[] => {
    const names = read.list(of, at);
    for (const name of names)
      if (!modules.some((module) => module.name === name)) read.fail(at, `no FPM is called "${String(name)}"`);
    return names as readonly string[];
  };
  const names = new Set(taken);
  const { compositions } = read.fields(value, '', ['compositions']);
  return read.list(compositions, 'compositions').map((item, i): FpmComposition => {
    const at = `compositions[${i}]`;
    const { name, fpms: required, optional } = read.fields(item, at, ['name', 'fpms', 'optional']);
    if (typeof name !== 'string' || !NAME.test(name))
      return read.fail(`${at}.name`, 'expected lower-case letters, digits and hyphens');
    if (names.has(name)) read.fail(`${at}.name`, `"${name}" is taken`);
    names.add(name);
    return { name, fpms: fpms(required, `${at}.fpms`), optional: fpms(optional ?? [], `${at}.optional`) };
  });
}

/** What a pipeline with these FPMs is loaded from. */
export interface PipelineProgram {
  readonly object: string;
  /** Variables of the object to be set to true. */
  readonly flags: readonly string[];
}

/** The program with just these FPMs, or else the one with all of them, for a window. */
export function programOf(hook: FpmHook, window: string, modules: readonly string[]): PipelineProgram {
  const found = hook.compositions.find(
    (composition) =>
      composition.window === window &&
      composition.fpms.every((name) => modules.includes(name)) &&
      modules.every((name) => composition.fpms.includes(name) || composition.optional.includes(name)),
  );
  if (found === undefined) return { object: hook.objects[window] as string, flags: modules.map(fpmFlag) };
  const optional = modules.filter((name) => found.optional.includes(name));
  return { object: found.object, flags: [compositionFlag, ...optional.map(fpmFlag)] };
}
