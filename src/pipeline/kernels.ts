// SPDX-License-Identifier: Apache-2.0
// Reads what the FPM library knows of kernels: windows, notes on capabilities, and modules.
import { TnaError } from '../model/error.js';
import type { CapabilityNote, FpmKernels, FpmWindow } from '../model/library.js';
import type { Capability } from '../model/snapshot.js';

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As parsed from YAML. `file` is named in errors. Throws {@link TnaError} `fpm-kernels`. */
export function parseKernels(value: unknown, file: string): FpmKernels {
  const fail = (field: string, problem: string): never => {
    throw new TnaError('fpm-kernels', `${field}: ${problem}`, { object: file });
  };
  const entries = (of: unknown, at: string, known: readonly string[]): Fields[] => {
    if (!Array.isArray(of)) return fail(at, 'expected a list');
    return of.map((item: unknown, i) => {
      if (!isFields(item)) return fail(`${at}[${i}]`, 'expected a mapping');
      for (const key of Object.keys(item)) if (!known.includes(key)) fail(`${at}[${i}].${key}`, 'unknown field');
      return item;
    });
  };
  const text = (source: Fields, key: string, at: string): string => {
    const found = source[key];
    return typeof found === 'string' && found !== '' ? found : fail(`${at}.${key}`, 'expected text');
  };
  const texts = (of: unknown, at: string): string[] =>
    Array.isArray(of) && of.every((item) => typeof item === 'string') ? of : fail(at, 'expected a list of texts');

  if (!isFields(value)) return fail('(top)', 'expected a mapping');
  for (const key of Object.keys(value))
    if (!['windows', 'capabilities', 'modules'].includes(key)) fail(key, 'unknown field');
  const windows = entries(value.windows, 'windows', ['name', 'summary', 'define', 'needs']).map(
    (item, i): FpmWindow => {
      const at = `windows[${i}]`;
      const window = { name: text(item, 'name', at), summary: text(item, 'summary', at) };
      const needs = texts(item.needs, `${at}.needs`);
      return item.define === undefined ? { ...window, needs } : { ...window, define: text(item, 'define', at), needs };
    },
  );
  if (windows.length === 0) fail('windows', 'expected at least one');
  const optional = ['since', 'option', 'module', 'package'] as const;
  const capabilities = entries(value.capabilities, 'capabilities', ['probe', 'purpose', ...optional]).map(
    (item, i): CapabilityNote => {
      const at = `capabilities[${i}]`;
      const given = optional.filter((key) => item[key] !== undefined).map((key) => [key, text(item, key, at)]);
      return { probe: text(item, 'probe', at), purpose: text(item, 'purpose', at), ...Object.fromEntries(given) };
    },
  );
  const modules = value.modules === undefined ? [] : texts(value.modules, 'modules');
  for (const [i, name] of modules.entries()) {
    // As sysfs has it, where a dash in a file's name is an underscore.
    if (!/^[a-z0-9_]+$/.test(name)) fail(`modules[${i}]`, `"${name}" is not the name of a loaded module`);
    if (modules.indexOf(name) !== i) fail(`modules[${i}]`, `"${name}" is there twice`);
  }
  return { windows, capabilities, modules };
}

/** The probes that tell which of the library's modules are loaded. */
export function moduleProbes(kernels: FpmKernels): readonly string[] {
  return (kernels.modules ?? []).map((name) => `module:${name}`);
}

/** The library's modules that are loaded, each with what tells this loading of it from others. Built-in ones are not among them. */
export function loadedModules(
  kernels: FpmKernels,
  answers: readonly Capability[],
): readonly (readonly [probe: string, loading: string])[] {
  const given = new Map(answers.map((answer) => [answer.probe, answer]));
  return moduleProbes(kernels).flatMap((probe) => {
    const answer = given.get(probe);
    return answer?.answer === 'yes' ? [[probe, answer.evidence] as const] : [];
  });
}

/**
 * How a kernel that has none of these probes may come by one of them; undefined when the library knows nothing.
 * A clause for people, without a full stop.
 */
export function remedy(kernels: FpmKernels, probes: readonly string[]): string | undefined {
  const known = probes.flatMap((probe) => kernels.capabilities.filter((note) => note.probe === probe));
  const ways = known.flatMap((note) => {
    const kernel = [
      ...(note.since === undefined ? [] : [`Linux ${note.since} or later`]),
      ...(note.option === undefined ? [] : [`${note.since === undefined ? 'a kernel built ' : ''}with ${note.option}`]),
    ].join(' ');
    const module = note.module === undefined ? '' : `modprobe -a ${note.module}`;
    return [kernel, module, note.package ?? ''].filter((way) => way !== '');
  });
  return ways.length === 0 ? undefined : [...new Set(ways)].join('; or ');
}
