// SPDX-License-Identifier: Apache-2.0
// Rules that change under a running controller: when which are in force, and what is said of it.

import { TnaError } from '../model/error.js';
import type { RuleSet } from '../model/ruleset.js';
import { type CompileResult, lastGood, noRules, type RulesInForce } from '../rules/index.js';

export interface ReloadEffects {
  /** Hears of what the rules name, in addition; rejects with a TnaError. */
  follow(rules: RuleSet): Promise<void>;
  /** Wants a pass. */
  wake(): void;
  /** Reads for these rules from now on. */
  prune(rules: RuleSet): void;
  /** The files are in force: new ones, or those that were all along and had errors, or were not to be read, meanwhile. */
  good(isNew: boolean): void;
  /** The files have errors. */
  bad(error: TnaError): void;
  warn(error: unknown): void;
}

export class RuleReload {
  private inForce: RulesInForce;
  private newest: RuleSet;
  private reading: RuleSet;
  /** Whose groups are not all heard of: that failed. */
  private unfollowed: RuleSet | undefined;

  constructor(
    first: RuleSet,
    private readonly effects: ReloadEffects,
  ) {
    this.inForce = lastGood(noRules, { ruleSet: first });
    this.newest = first;
    this.reading = first;
  }

  /** The files have changed, or can be read again. */
  async changed(result: CompileResult): Promise<void> {
    this.inForce = lastGood(this.inForce, result);
    const { ruleSet = this.newest, errors } = this.inForce;
    if (errors.length > 0) {
      const evidence = errors.map((error) => error.text).join('\n');
      const message = 'the rules changed but have errors; the last good ones stay in force';
      this.effects.bad(new TnaError('rules', message, { evidence }));
      return;
    }
    const isNew = ruleSet !== this.newest;
    this.effects.good(isNew);
    if (!isNew) return;
    this.newest = ruleSet;
    await this.follow(ruleSet);
    // Not before: what happened between would be neither in the pass nor an event.
    this.effects.wake();
  }

  private async follow(ruleSet: RuleSet): Promise<void> {
    this.unfollowed = undefined;
    try {
      await this.effects.follow(ruleSet);
    } catch (error) {
      this.unfollowed = ruleSet;
      this.effects.warn(error);
    }
  }

  /** With each pass, until it is done: there may be descriptors again. */
  private async followLate(ruleSet: RuleSet): Promise<void> {
    await this.follow(ruleSet);
    if (this.unfollowed === undefined) this.effects.wake();
  }

  /** The rules of the pass that begins now. A pass that is under way goes on reading for those that it began with. */
  begin(): RuleSet {
    if (this.unfollowed === this.newest) void this.followLate(this.newest);
    if (this.reading !== this.newest) {
      this.reading = this.newest;
      this.effects.prune(this.reading);
    }
    return this.reading;
  }
}
