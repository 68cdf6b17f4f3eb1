// SPDX-License-Identifier: Apache-2.0
// Reads rule sources through netlink. Clients are opened on first use and shared.

import { NetlinkClient, NetlinkError, type Message as NetlinkMessage, type Spec, type Value } from 'netlink-ts';
import { TnaError } from '../model/error.js';
import type { DetailRequest } from '../model/ports.js';
import type { RequestTemplate, RuleSet, Source } from '../model/ruleset.js';
import type { Message, MessageValue } from '../model/snapshot.js';
import { readSpec } from './protocols.js';

type NetlinkSource = Exclude<Source, { kind: 'bpf-attachments' }>;
type Answer = { readonly messages: readonly Message[] } | { readonly absent: string };

/** Errors of a request for an object that has gone meanwhile, or never had what is asked for. */
const vanished: readonly string[] = ['ENODEV', 'ENOENT', 'EOPNOTSUPP', 'ENXIO'];
/** Errors of a kernel without the family or operation. */
export const lacking: readonly string[] = ['ENOENT', 'EOPNOTSUPP', 'EPROTONOSUPPORT', 'EINVAL', 'unsupported'];

/** What of each message is decoded, by `keyOf` of the source: the paths that the rules read; undefined for everything. */
export type Pruning = ReadonlyMap<string, readonly string[]> | undefined;

/** RTEXT_FILTER_SKIP_STATS of include/uapi/linux/rtnetlink.h. */
const linkRequest = { ext_mask: 8 };
const linkDump = dumpKey('rt-link', 'getlink', linkRequest);

export class NetlinkReader {
  private readonly clients = new Map<string, Promise<NetlinkClient>>();
  private lastLinks: readonly Message[] | undefined;

  constructor(
    private readonly specDirectory: string,
    private pruning: Pruning,
  ) {}

  /** From now on decodes what other rules read. */
  prune(pruning: Pruning): void {
    this.pruning = pruning;
  }

  /**
   * All links, with their XDP programs and what the rules read of links. The next read of a source that asks the same in this pass
   * is given this answer: links are by far the longest dump. @throws NetlinkError
   */
  async links(): Promise<readonly NetlinkMessage[]> {
    const client = await this.client('rt-link');
    const only = this.pruning?.get(linkDump);
    const links = await client.dump('getlink', linkRequest, this.pruning && { only: ['xdp', ...(only ?? [])] });
    this.lastLinks = links.map(plainMessage);
    return links;
  }

  /** Nothing that was read before counts any more. */
  beginPass(): void {
    this.lastLinks = undefined;
  }

  /** @throws TnaError `netlink` */
  async read(source: Extract<Source, { kind: 'dump' }>): Promise<Answer> {
    try {
      const { lastLinks } = this;
      if (lastLinks !== undefined && keyOf(source) === linkDump) {
        this.lastLinks = undefined;
        return { messages: lastLinks };
      }
      const client = await this.client(source.spec);
      const messages = await client.dump(source.operation, constant(source.request), this.only(source));
      return { messages: messages.map(plainMessage) };
    } catch (cause) {
      if (source.optional && cause instanceof NetlinkError && lacking.includes(cause.code))
        return { absent: cause.message };
      throw readError(source, cause);
    }
  }

  /**
   * Asks for every object in turn. Of a source without which the rules can do, an object that the kernel refuses to talk of is passed over, so that
   * one odd driver takes nothing from the other devices; the source is absent when none has an answer. @throws TnaError `netlink`
   */
  async details(requests: readonly DetailRequest[]): Promise<readonly Message[] | { readonly absent: string }> {
    const answers: Message[] = [];
    let refusal: string | undefined;
    for (const { source, request } of requests) {
      try {
        const client = await this.client(source.spec);
        const message = request as NetlinkMessage;
        const found =
          source.mode === 'dump'
            ? await client.dump(source.operation, message, this.only(source))
            : [await client.do(source.operation, message, this.only(source))];
        answers.push(...found.map(plainMessage));
      } catch (cause) {
        if (cause instanceof NetlinkError && vanished.includes(cause.code)) continue;
        if (!source.optional || !(cause instanceof NetlinkError) || !lacking.includes(cause.code))
          throw readError(source, cause, request);
        refusal ??= cause.message;
      }
    }
    return answers.length > 0 || refusal === undefined ? answers : { absent: refusal };
  }

  /** The spec, one of ours or one that the user put beside the rules. @throws TnaError `spec` */
  spec(name: string): Spec {
    return readSpec(this.specDirectory, name);
  }

  async close(): Promise<void> {
    for (const opening of this.clients.values()) {
      const client = await opening.catch(() => undefined);
      client?.close();
    }
    this.clients.clear();
  }

  private client(name: string): Promise<NetlinkClient> {
    let client = this.clients.get(name);
    if (client === undefined) {
      client = NetlinkClient.open({ spec: this.spec(name) });
      this.clients.set(name, client);
      // Out of descriptors, say: the next pass tries again.
      client.catch(() => this.clients.delete(name));
    }
    return client;
  }

  private only(source: NetlinkSource): { readonly only?: readonly string[] } {
    const only = this.pruning?.get(keyOf(source));
    return only === undefined ? {} : { only };
  }
}

/** The paths that the rules read in each source's messages. A list's elements are not told apart. */
export function pruningFor(rules: RuleSet): Pruning {
  const paths = new Map<string, Set<string>>();
  const sources = new Map(rules.sources.map((source) => [source.name, source]));
  const add = (name: string, path: readonly string[]) => {
    const source = sources.get(name);
    if (source === undefined || source.kind === 'bpf-attachments') return;
    const key = keyOf(source);
    const set = paths.get(key) ?? new Set();
    paths.set(key, set.add(path.filter((step) => step !== '[]').join('.')));
  };
  for (const object of rules.objects) {
    for (const { origin } of object.attributes) {
      if (origin.kind === 'message') add(object.source, origin.path);
      if (origin.kind !== 'lookup') continue;
      add(origin.source, origin.on);
      add(origin.source, origin.path);
    }
  }
  return new Map([...paths].map(([source, set]) => [source, [...set]]));
}

/** Dumps that ask the same get the same. */
function keyOf(source: NetlinkSource): string {
  return source.kind === 'dump' ? dumpKey(source.spec, source.operation, source.request) : source.name;
}

function dumpKey(spec: string, operation: string, request: RequestTemplate): string {
  return `${spec} ${operation} ${JSON.stringify(request)}`;
}

/** A dump's request holds constants only; the rules stage checked that. */
function constant(template: RequestTemplate): NetlinkMessage {
  return template as NetlinkMessage;
}

/** JSON has neither bytes nor big integers: both become text. The message is fresh from the decoder, so it is changed in place. */
function plainMessage(message: object): Message {
  const members = message as { [member: string]: Value | MessageValue };
  for (const name in members) {
    const value = members[name];
    if (name === '_unknown') delete members[name];
    else if (typeof value === 'bigint' || typeof value === 'object') members[name] = plainValue(value as Value);
  }
  return members as Message;
}

function plainValue(value: Value): MessageValue {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plainValue);
  return typeof value === 'object' ? plainMessage(value) : value;
}

function readError(source: NetlinkSource, cause: unknown, request?: object): TnaError {
  if (cause instanceof TnaError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const evidence = cause instanceof NetlinkError ? cause.extack : undefined;
  return new TnaError('netlink', `cannot read ${source.name} (${source.operation}): ${text}`, {
    ...(request === undefined ? {} : { object: JSON.stringify(request) }),
    ...(evidence === undefined ? {} : { evidence }),
    cause,
  });
}
