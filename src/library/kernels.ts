// SPDX-License-Identifier: Apache-2.0
// Reads what the FPM library knows of kernels: windows, notes on capabilities, and loadable modules.
import type { CapabilityNote, FpmKernels, FpmWindow } from '../model/library.js';
import type { Capability } from '../model/snapshot.js';
import { fieldReader } from './fields.js';

/** As parsed from YAML. `file` is named in errors. Throws {@link TnaError} `fpm-kernels`. */
export function parseKernels(value: unknown, file: string): FpmKernels {
  const read = fieldReader('fpm-kernels', file);
  const entries = (of: unknown, at: string, known: readonly string[]) =>
    read.list(of, at).map((item, i) => read.fields(item, `${at}[${i}]`, known));
  const source = read.fields(value, '', ['windows', 'capabilities', 'kernel_modules']);
  const windows = entries(source.windows, 'windows', ['name', 'summary', 'define', 'needs']).map(
    (item, i): FpmWindow => {
      const at = `windows[${i}]`;
      const window = { name: read.text(item, 'name', at), summary: read.text(item, 'summary', at) };
      const needs = read.texts(item.needs, `${at}.needs`);
      return item.define === undefined
        ? { ...window, needs }
        : { ...window, define: read.text(item, 'define', at), needs };
    },
  );
  if (windows.length === 0) read.fail('windows', 'expected at least one');
  const optional = ['since', 'option', 'module', 'package'] as const;
  const capabilities = entries(source.capabilities, 'capabilities', ['probe', 'purpose', ...optional]).map(
    (item, i): CapabilityNote => {
      const at = `capabilities[${i}]`;
      const given = optional.filter((key) => item[key] !== undefined).map((key) => [key, read.text(item, key, at)]);
      return {
        probe: read.text(item, 'probe', at),
        purpose: read.text(item, 'purpose', at),
        ...Object.fromEntries(given),
      };
    },
  );
  const given = source.kernel_modules;
  const kernelModules = given === undefined ? [] : read.texts(given, 'kernel_modules');
  for (const [i, name] of kernelModules.entries()) {
    // As sysfs has it, where a dash in a file's name is an underscore.
    if (!/^[a-z0-9_]+$/.test(name)) read.fail(`kernel_modules[${i}]`, `"${name}" is not the name of a loaded module`);
    if (kernelModules.indexOf(name) !== i) read.fail(`kernel_modules[${i}]`, `"${name}" is there twice`);
  }
  return { windows, capabilities, kernelModules };
}

/** The probes that tell which of the library's modules are loaded. */
export function kernelModuleProbes(kernels: FpmKernels): readonly string[] {
  return (kernels.kernelModules ?? []).map((name) => `module:${name}`);
}

/** The library's modules that are loaded, each with what tells this loading of it from others. Built-in ones are not among them. */
export function loadedKernelModules(
  kernels: FpmKernels,
  answers: readonly Capability[],
): readonly (readonly [probe: string, loading: string])[] {
  const given = new Map(answers.map((answer) => [answer.probe, answer]));
  return kernelModuleProbes(kernels).flatMap((probe) => {
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
