// SPDX-License-Identifier: Apache-2.0
// Commands that look judge as the controller does that runs here: by its rules, its library and the hooks that it was told to insist on.

import { controllerOf } from '../platform/controller.js';
import { type GlobalOptions, parseOptions, type RawOptions } from './options.js';

/** What the user did not say is what the controller was told; a line on stderr says what that is. */
export function besideController(options: GlobalOptions): GlobalOptions {
  if (options.from !== undefined) return options;
  const controller = controllerOf(options.netns);
  if (controller === undefined) return options;
  const told = adopted(options, controller.argv, controller.resolve);
  if (told === undefined) return options;
  if (options.output === 'text')
    process.stderr.write(`tna: as the controller, pid ${controller.pid}, was told: ${told.shown.join(' ')}\n`);
  return told.options;
}

/** Undefined when there is nothing to adopt. `resolve` finds where a path leads the controller. */
export function adopted(
  options: GlobalOptions,
  argv: readonly string[],
  resolve: (path: string) => string,
): { readonly options: GlobalOptions; readonly shown: readonly string[] } | undefined {
  if (!argv.includes('reconcile')) return undefined;
  const given = valuesOf(argv);
  const raw: RawOptions = {
    ...(options.hooks.size === 0 && given.hook.length > 0 ? { hook: given.hook } : {}),
    ...pathOf('rules', options, given, resolve),
    ...pathOf('library', options, given, resolve),
  };
  const shown = Object.entries(raw).flatMap(([name, value]) => [value].flat().map((one) => `--${name} ${one}`));
  if (shown.length === 0) return undefined;
  const { hooks, rules, library } = parseOptions(raw);
  return {
    options: {
      ...options,
      hooks: options.hooks.size === 0 ? hooks : options.hooks,
      rules: options.rules ?? rules,
      library: options.library ?? library,
    },
    shown,
  };
}

type Given = Readonly<Record<'hook' | 'rules' | 'library', readonly string[]>>;

function pathOf(
  name: 'rules' | 'library',
  options: GlobalOptions,
  given: Given,
  resolve: (path: string) => string,
): RawOptions {
  const path = given[name].at(-1);
  return options[name] !== undefined || path === undefined ? {} : { [name]: resolve(path) };
}

/** `--hook xdp` and `--hook=xdp`, as often as given. */
function valuesOf(argv: readonly string[]): Given {
  const of = (name: string) =>
    argv.flatMap((argument, at) => {
      if (argument.startsWith(`--${name}=`)) return [argument.slice(name.length + 3)];
      return argument === `--${name}` ? (argv[at + 1] ?? []) : [];
    });
  return { hook: of('hook'), rules: of('rules'), library: of('library') };
}
