// SPDX-License-Identifier: Apache-2.0
// Wakes the reconcile loop on netlink events of the groups that the rules name. Events carry no state, so they are only counted.

import { NetlinkClient, NetlinkError } from 'netlink-ts';
import { TnaError } from '../model/error.js';
import type { Waker } from '../model/ports.js';
import type { RuleSet } from '../model/ruleset.js';
import { lacking, type NetlinkReader } from './netlink-reader.js';

/** Room for about ten thousand link events before the kernel drops some, which costs no more than a resync. */
const receiveBuffer = 4 << 20;

export interface HostWaker extends Waker {
  /** Subscribes to what these rules name in addition to what is subscribed already. @throws TnaError `netlink` */
  follow(rules: RuleSet): Promise<void>;
  /** Something other than netlink wants a pass. */
  wake(): void;
  /** Ends the loop. */
  stop(): void;
}

/** Subscribes before the first pass looks, so that no change falls between. @throws TnaError `netlink` */
export async function openWaker(rules: RuleSet, reader: NetlinkReader): Promise<HostWaker> {
  const waker = new PendingWaker(reader);
  try {
    await waker.follow(rules);
  } catch (error) {
    waker.close();
    throw error;
  }
  return waker;
}

class PendingWaker implements HostWaker {
  private clients: NetlinkClient[] = [];
  private readonly joined = new Set<string>();
  private pending: 'event' | 'stopped' | undefined;
  private resolve: (() => void) | undefined;
  private closed = false;

  constructor(private readonly reader: NetlinkReader) {}

  async follow(rules: RuleSet): Promise<void> {
    for (const [spec, wanted] of groupsBySpec(rules)) {
      const fresh = wanted.groups.filter((group) => !this.joined.has(`${spec} ${group}`));
      if (fresh.length > 0) await this.join(spec, fresh, wanted.optional);
    }
  }

  private async join(specName: string, groups: readonly string[], optional: boolean): Promise<void> {
    let client: NetlinkClient | undefined;
    try {
      client = await NetlinkClient.open({ spec: this.reader.spec(specName) });
      if (this.closed) return client.close();
      this.clients.push(client);
      // Also of what was lost: everything is read again in any case.
      await client.subscribe(groups, () => this.wake(), { receiveBuffer, only: [], later: optional });
      for (const group of groups) this.joined.add(`${specName} ${group}`);
    } catch (cause) {
      client?.close();
      this.clients = this.clients.filter((other) => other !== client);
      if (this.closed) return;
      if (optional && cause instanceof NetlinkError && lacking.includes(cause.code)) return;
      if (cause instanceof TnaError) throw cause;
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new TnaError('netlink', `cannot subscribe to ${specName} ${groups.join(', ')}: ${text}`, { cause });
    }
  }

  next(timeoutMs: number): Promise<'event' | 'timeout' | 'stopped'> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.resolve = undefined;
        const seen = this.pending ?? 'timeout';
        // Once stopped, always stopped.
        if (seen !== 'stopped') this.pending = undefined;
        resolve(seen);
      };
      const timer = setTimeout(finish, timeoutMs);
      this.resolve = finish;
      if (this.pending !== undefined) finish();
    });
  }

  wake(): void {
    this.signal('event');
  }

  stop(): void {
    this.signal('stopped');
  }

  /** Also what is being opened by a `follow` that has not ended. */
  close(): void {
    this.closed = true;
    for (const client of this.clients) client.close();
  }

  private signal(what: 'event' | 'stopped'): void {
    if (this.pending !== 'stopped') this.pending = what;
    this.resolve?.();
  }
}

/** A spec is optional when every source that is notified by it is. */
function groupsBySpec(
  rules: RuleSet,
): ReadonlyMap<string, { readonly groups: readonly string[]; readonly optional: boolean }> {
  const specs = new Map<string, { groups: string[]; optional: boolean }>();
  for (const source of rules.sources) {
    if (source.kind === 'bpf-attachments' || source.notify.length === 0) continue;
    const entry = specs.get(source.spec) ?? { groups: [], optional: true };
    entry.groups.push(...source.notify.filter((group) => !entry.groups.includes(group)));
    entry.optional &&= source.optional;
    specs.set(source.spec, entry);
  }
  return specs;
}
