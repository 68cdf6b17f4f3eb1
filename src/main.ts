#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The command line. Exit codes: 0 done, 1 error, 2 usage (or changes, with plan --detailed-exitcode).

import { Command, CommanderError } from 'commander';
import { type GlobalOptions, parseOptions, type RawOptions } from './cli/options.js';
import { errorJson, errorText, flushJson, print, printJson, styleFor } from './cli/output.js';
import { TnaError } from './model/error.js';
import { outliveOutput } from './platform/lost-output.js';
import { prepareShortRun } from './platform/short-run.js';

type Run = (options: GlobalOptions) => Promise<number>;

async function beside(options: GlobalOptions): Promise<GlobalOptions> {
  return (await import('./cli/beside.js')).besideController(options);
}

/** Commands are imported when they run: most runs need one of them, and start-up time is part of every pass. */
async function main(argv: readonly string[]): Promise<number> {
  let run: Run | undefined;
  let staying = false;
  const program = new Command('tna')
    .description(
      'Makes Linux networking fast without replacing it: a minimal eBPF fast path for what is already configured.',
    )
    .version('0.1.0')
    .option('-o, --output <format>', 'text or json', 'text')
    .option('--netns <name|path>', 'work in this network namespace')
    .option('--rules <dir>', 'rule files to use instead of the built-in ones')
    .option('--library <dir>', 'FPM library to use instead of the built-in one')
    .option('--from <file>', 'replay a state recorded with `tna record`; needs no privilege')
    .option(
      '--hook <hook>',
      'xdp, tc or INTERFACE=xdp|tc: insist on a hook (repeatable)',
      (value: string, all: string[] = []) => [...all, value],
    )
    .option(
      '--lease <seconds|off>',
      'how long to trust what only a running controller notices (default 60); SECONDS,all or all: a lease for everything',
    )
    .option('--verbose', 'show all evidence: verifier logs, causes')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'tna: ')) });
  const command = (name: string, description: string) => program.command(name).description(description).exitOverride();

  command('plan', 'show what reconcile would do, and why')
    .option('--detailed-exitcode', 'exit 2 when there are changes')
    .action((o: { detailedExitcode?: boolean }) => {
      run = async (options) =>
        (await import('./cli/commands/plan.js')).planCommand(await beside(options), o.detailedExitcode === true);
    });
  command('reconcile', 'make the host as desired, and keep it so')
    .option('--once', 'one pass, then exit')
    .option('--dry-run', 'only show the plan')
    .action((o: { once?: boolean; dryRun?: boolean }) => {
      const how = { once: o.once === true, dryRun: o.dryRun === true };
      staying = !how.once && !how.dryRun;
      run = async (options) => (await import('./cli/commands/reconcile.js')).reconcileCommand(options, how);
    });
  command('status', 'show every interface, its counters, and why it is not accelerated').action(() => {
    run = async (options) => (await import('./cli/commands/status.js')).statusCommand(await beside(options));
  });
  command('explain <interface>', 'show all that is known of one interface').action((name: string) => {
    run = async (options) => (await import('./cli/commands/status.js')).explainCommand(await beside(options), name);
  });
  command('graph', 'show the dependency graph')
    .option('--format <format>', 'text, json, dot or svg', 'text')
    .action((o: { format: string }) => {
      run = async (options) => (await import('./cli/commands/graph.js')).graphCommand(await beside(options), o.format);
    });
  command('capabilities', 'show what this kernel offers').action(() => {
    run = async (options) => (await import('./cli/commands/capabilities.js')).capabilitiesCommand(options);
  });
  const rules = command('rules', 'work with rule files');
  rules
    .command('check')
    .description('check the rule files')
    .exitOverride()
    .action(() => {
      run = async (options) => (await import('./cli/commands/rules.js')).rulesCheckCommand(options);
    });
  rules
    .command('schema')
    .description('print the JSON Schema of rule files')
    .exitOverride()
    .action(() => {
      run = async () => (await import('./cli/commands/rules.js')).rulesSchemaCommand();
    });
  command('record <file>', 'save what a pass sees (- for stdout)').action((file: string) => {
    run = async (options) => (await import('./cli/commands/record.js')).recordCommand(options, file);
  });
  const fpm = command('fpm', 'work with the library of fast-path modules');
  fpm
    .command('build')
    .description('compile the library, with your own FPMs if you like (needs clang)')
    .option('--fpm <dir>', 'a directory of further FPMs (repeatable)', (value: string, all: string[] = []) => [
      ...all,
      value,
    ])
    .option('--out <dir>', 'where to put the library')
    .exitOverride()
    .action((o: { fpm?: string[]; out?: string }) => {
      run = async (options) => (await import('./cli/commands/fpm.js')).fpmBuildCommand(options, o.fpm ?? [], o.out);
    });
  fpm
    .command('list')
    .description('list the FPMs of the library')
    .exitOverride()
    .action(() => {
      run = async (options) => (await import('./cli/commands/fpm.js')).fpmListCommand(options);
    });
  command('detach', 'take everything of TNA out of the kernel').action(() => {
    run = async (options) => (await import('./cli/commands/detach.js')).detachCommand(options);
  });

  try {
    program.parse(argv);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
  const raw = program.opts<RawOptions>();
  try {
    if (run === undefined) return 2;
    if (staying) output.staying();
    else prepareShortRun();
    return await run(parseOptions(raw));
  } catch (thrown) {
    const error = explained(thrown);
    if (raw.output === 'json') {
      // Of a command that stays, each line is a document.
      if (staying) print(JSON.stringify({ event: 'error', fatal: true, ...errorJson(error) }));
      else printJson(errorJson(error));
    }
    process.stderr.write(`${errorText(error, raw.verbose === true, styleFor(process.stderr))}\n`);
    return error instanceof TnaError && error.code === 'usage' ? 2 : 1;
  } finally {
    flushJson();
  }
}

/** Even the modules of a command are files that must be opened. */
function explained(thrown: unknown): unknown {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (thrown instanceof TnaError || (code !== 'EMFILE' && code !== 'ENFILE')) return thrown;
  return new TnaError('no-descriptors', (thrown as Error).message, {
    hint: 'raise the limit of open files: ulimit -n, fs.file-max',
    cause: thrown,
  });
}

const output = outliveOutput();
// Not awaited here: the bundle is a script, which cannot.
main(process.argv).then((code) => {
  process.exitCode = code;
});
