// SPDX-License-Identifier: Apache-2.0
// Which number a subscription's generic netlink family has now: a module that is loaded has another one each time, and groups of its own.
// The controller tells, and is asked where that may be among what was lost.
import { NetlinkError } from './errors.js';
import type { Family } from './family.js';

/** What a subscription does about its family. */
export interface FamilyEffects {
  /** The family as it is now. @throws NetlinkError `unsupported` where there is none */
  find(): Promise<Family>;
  /** Joins those of its groups that are wanted. @throws NetlinkError */
  join(groups: ReadonlyMap<string, number>): void;
  /** What was known of it must be asked for again. */
  lost(): void;
  failed(error: unknown): void;
}

const shortestPauseMs = 1000;
const longestPauseMs = 60_000;

export class FollowedFamily {
  /** How often the controller has told of it. */
  private told = 0;
  private isJoined: boolean;
  private isClosed = false;
  private pauseMs: number;
  private timer: NodeJS.Timeout | undefined;

  /** `id` is that of the family whose groups are joined already; undefined where it is not there yet. */
  constructor(
    private id: number | undefined,
    private readonly effects: FamilyEffects,
    private readonly firstPauseMs = shortestPauseMs,
  ) {
    this.isJoined = id !== undefined;
    this.pauseMs = firstPauseMs;
  }

  isOf(type: number): boolean {
    return type === this.id;
  }

  /** The controller says what has become of it. */
  changed(change: Family | 'gone'): void {
    this.told += 1;
    if (change !== 'gone') this.adopt(change);
    else {
      this.id = undefined;
      this.effects.lost();
    }
  }

  /** What the controller said may have been lost. */
  async ask(): Promise<void> {
    const { told } = this;
    try {
      const found = await this.effects.find();
      if (this.isClosed) return;
      // The answer may be older than what was told since.
      if (told !== this.told) return await this.ask();
      if (found.id !== this.id || !this.isJoined) this.adopt(found);
    } catch (cause) {
      if (this.isClosed || (cause instanceof NetlinkError && cause.code === 'unsupported')) return;
      this.again(cause);
    }
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  /** What happened until its groups were joined was not heard. */
  private adopt({ id, groups }: Family): void {
    this.id = id;
    this.isJoined = false;
    try {
      this.effects.join(groups);
      this.isJoined = true;
      this.pauseMs = this.firstPauseMs;
    } catch (cause) {
      this.again(cause);
    }
    if (this.isJoined) this.effects.lost();
  }

  private again(cause: unknown): void {
    this.effects.failed(cause);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(), this.pauseMs).unref();
    this.pauseMs = Math.min(2 * this.pauseMs, longestPauseMs);
  }
}
