// SPDX-License-Identifier: Apache-2.0
// Where a command that stays says what happens: lines for people on stderr, or a JSON document on each line of stdout.

import { systemClock } from '../platform/clock.js';
import type { PassResult } from '../reconcile/pass.js';
import { summaryOf } from '../report/done.js';
import { outcomeJson, outcomesText, planJson } from '../report/plan.js';
import type { GlobalOptions } from './options.js';
import { errorJson, errorText, print, styleFor } from './output.js';
import { Repeats } from './repeats.js';

export class Journal {
  private readonly style = styleFor(process.stderr);
  private readonly repeats = new Repeats(systemClock);
  private isTroubled = false;
  /** What is wrong with the rules, as it was said. */
  private ruleTrouble = '';

  constructor(private readonly options: GlobalOptions) {}

  /** A line on stderr, whatever the output format. */
  log(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  tell(line: string, event: object): void {
    if (this.options.output === 'json') print(JSON.stringify(event));
    else this.log(line);
  }

  /** The same error again is told now and then only. */
  warn(error: unknown): void {
    const text = errorText(error, this.options.verbose, this.style);
    if (this.repeats.isWorthTelling(text)) this.tell(text, { event: 'error', ...errorJson(error) });
  }

  /** What is wrong with the rules now. Whatever it was before is over, and new when it comes again. */
  badRules(error: unknown): void {
    const text = errorText(error, this.options.verbose, this.style);
    if (text !== this.ruleTrouble) this.repeats.forget(this.ruleTrouble);
    this.ruleTrouble = text;
    this.warn(error);
  }

  /** They are in force: new ones, or those that were all along. */
  goodRules(directory: string, isNew: boolean): void {
    this.repeats.forget(this.ruleTrouble);
    this.ruleTrouble = '';
    const line = isNew ? `rules reloaded from ${directory}` : `the rules in ${directory} are good again, and as before`;
    this.tell(line, { event: 'rules', directory, changed: isNew });
  }

  /** A pass that could not be run. */
  failed(error: unknown, retryInMs: number): void {
    this.isTroubled = true;
    const text = errorText(error, this.options.verbose, this.style);
    if (!this.repeats.isWorthTelling(text)) return;
    this.tell(`${text}\n  next try in ${retryInMs} ms, then ever more rarely`, {
      event: 'error',
      ...errorJson(error),
      retryInMs,
    });
  }

  passed(result: PassResult, tookMs: number): void {
    if (result.outcomes.length > 0) {
      if (this.options.output === 'json') this.tell('', { event: 'pass', ...resultJson(result), tookMs });
      else this.logPass(result, tookMs);
    }
    if (result.outcomes.some((outcome) => outcome.result === 'failed')) this.isTroubled = true;
    if (!this.isTroubled || result.unseen !== undefined || result.remaining.actions.length > 0) return;
    this.isTroubled = false;
    this.repeats.forget();
    this.tell('all is as desired again', { event: 'recovered' });
  }

  private logPass({ derived, outcomes }: PassResult, tookMs: number): void {
    const { add, change, remove } = summaryOf(derived.snapshot.deployed, outcomes);
    const problems = [outcomesText(outcomes, this.style)].filter((text) => text !== '');
    for (const outcome of outcomes)
      if (outcome.result === 'failed') problems.push(errorText(outcome.error, this.options.verbose, this.style));
    const isNew = problems.length === 0 || this.repeats.isWorthTelling(problems.join('\n'));
    // Another try that came to the same.
    if (!isNew && add + change + remove === 0) return;
    this.log(
      `${add} added, ${change} changed, ${remove} removed (${outcomes.length} actions, ${tookMs.toFixed(0)} ms)`,
    );
    for (const { action, result } of outcomes)
      if (result === 'done' && 'interface' in action) this.log(`  ${action.op} ${action.interface}: ${action.why}`);
    if (isNew) for (const text of problems) this.log(text);
  }
}

/** The contract of `reconcile -o json`, with --once and as a `pass`. */
export function resultJson(result: PassResult): object {
  return {
    ...planJson(result.derived.plan),
    summary: summaryOf(result.derived.snapshot.deployed, result.outcomes),
    outcomes: result.outcomes.map(outcomeJson),
    converged: result.remaining.actions.length === 0,
  };
}
