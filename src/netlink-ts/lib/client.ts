// SPDX-License-Identifier: Apache-2.0
// The client: requests, dumps and subscriptions of one spec, in one network namespace.
import { setTimeout as delay } from 'node:timers/promises';
import { attributePath } from './attribute-path.js';
import { type BundledOperations, type BundledSpecName, bundledSpec } from './bundled.js';
import type { Message, Spec } from './codec.js';
import type { Input } from './decode.js';
import { errnoError, NetlinkError } from './errors.js';
import { type Family, resolveFamily } from './family.js';
import { type Frame, MessageFlag, MessageType } from './framing.js';
import { decodeBody, encodeRequest, layoutOf } from './messages.js';
import { pruner } from './prune.js';
import { RequestChannel } from './request-channel.js';
import { type NetlinkEvent, openSubscription, type SubscribeOptions, type Subscription } from './subscription.js';

/** For specs known only at run time. */
export type AnyOperations = Readonly<Record<string, { readonly request: Message; readonly reply: Message }>>;

type OperationName<Types> = keyof Types & string;
type RequestOf<Types, Name extends keyof Types> = Types[Name] extends { readonly request: infer R } ? R : never;
type ReplyOf<Types, Name extends keyof Types> = Types[Name] extends { readonly reply: infer R } ? R : never;

export interface ClientOptions {
  /** Path of a network namespace, e.g. `/run/netns/blue`; default: the namespace of the calling thread. */
  readonly netns?: string;
  /** Milliseconds without an answer after which a request fails; default 10,000. */
  readonly timeoutMs?: number;
  /** How often a dump is redone that the kernel marked interrupted or that lost messages; default 20, which takes six seconds. */
  readonly dumpRetries?: number;
}

export interface DumpOptions {
  /** Decode only these attributes, or parts of nests by path, such as `linkinfo.kind` (and the fixed header). */
  readonly only?: readonly string[];
}

export interface DoOptions extends DumpOptions {
  /** More nlmsg_flags, e.g. `MessageFlag.create | MessageFlag.exclusive`. */
  readonly flags?: number;
}

const defaultTimeoutMs = 10_000;
const defaultDumpRetries = 20;
const longestPauseMs = 500;

/**
 * A client of one spec; `Types` has the request and reply of each operation. An idle client does not keep the
 * process alive; a subscription does.
 */
export class NetlinkClient<Types extends object = AnyOperations> {
  private readonly subscriptions = new Set<Subscription>();
  private family: Promise<Family> | undefined;
  /** The kernel had no such family when it was asked for it by name: it has tried to load one then. */
  private lacked = false;
  private closed = false;

  private constructor(
    readonly spec: Spec,
    private readonly channel: RequestChannel,
    private readonly options: ClientOptions,
  ) {}

  /**
   * Opens a client for a bundled spec by name, or for a compiled one.
   * @throws NetlinkError `netns-gone`, or an errno
   */
  static open<Name extends BundledSpecName>(
    options: ClientOptions & { readonly spec: Name },
  ): Promise<NetlinkClient<BundledOperations[Name]>>;
  static open(options: ClientOptions & { readonly spec: Spec }): Promise<NetlinkClient>;
  static async open(options: ClientOptions & { readonly spec: BundledSpecName | Spec }): Promise<NetlinkClient> {
    const spec = typeof options.spec === 'string' ? bundledSpec(options.spec) : options.spec;
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    return new NetlinkClient(spec, new RequestChannel(spec.protocol, options.netns, timeoutMs), options);
  }

  /**
   * All messages of a dump that is consistent in itself: an interrupted one is redone.
   * @throws NetlinkError `interrupted` or `overrun` when that does not help
   */
  async dump<Name extends OperationName<Types>>(
    operation: Name,
    request?: RequestOf<Types, Name>,
    options: DumpOptions = {},
  ): Promise<ReplyOf<Types, Name>[]> {
    const retries = this.options.dumpRetries ?? defaultDumpRetries;
    for (let attempt = 0; ; attempt++) {
      try {
        return (await this.exchange(operation, 'dump', (request ?? {}) as Message, 0, options.only)) as ReplyOf<
          Types,
          Name
        >[];
      } catch (cause) {
        const transient = cause instanceof NetlinkError && (cause.code === 'interrupted' || cause.code === 'overrun');
        if (!transient || attempt >= retries) throw cause;
      }
      // What interrupts is mostly a burst of changes: leave it some time, more each time.
      await delay(Math.min(2 ** attempt, longestPauseMs));
    }
  }

  /** One request; resolves to the answer, or to an empty message when the kernel only acknowledges. */
  async do<Name extends OperationName<Types>>(
    operation: Name,
    request: RequestOf<Types, Name>,
    options: DoOptions = {},
  ): Promise<ReplyOf<Types, Name>> {
    const flags = (options.flags ?? 0) | MessageFlag.ack;
    const [reply] = await this.exchange(operation, 'do', request as Message, flags, options.only);
    return (reply ?? {}) as ReplyOf<Types, Name>;
  }

  /**
   * Joins multicast groups of the spec by name. Once resolved, nothing from then on is missed unknowingly: subscribe
   * first, then dump, and redo the dump on an `overrun` or `error` event.
   * @throws NetlinkError `unsupported` for a family that is not there, unless it may come `later`, and for groups that it does not have
   */
  async subscribe(
    groups: readonly string[],
    onEvent: (event: NetlinkEvent) => void,
    options: SubscribeOptions = {},
  ): Promise<Subscription> {
    // What is known may be of a module that was loaded again.
    this.family = undefined;
    const family = await this.resolve().catch((cause: unknown) => {
      if (options.later === true && cause instanceof NetlinkError && cause.code === 'unsupported') return undefined;
      throw cause;
    });
    const isAwaited = this.spec.generic && family === undefined;
    // It may have been closed meanwhile: nobody would close what is opened now.
    if (this.closed) {
      throw new NetlinkError('closed', 'the client is closed', { operation: `${this.spec.name} subscribe` });
    }
    const numbered = groups.map((name) => {
      const number = family?.groups.get(name) ?? this.spec.groups.get(name);
      if (number !== undefined || (isAwaited && this.spec.groups.has(name))) return { name, number };
      const where = this.spec.groups.has(name) ? 'the running kernel' : 'the spec';
      throw new NetlinkError('unsupported', `${where} has no group "${name}"`, {
        operation: `${this.spec.name} subscribe`,
      });
    });
    const changes = this.spec.generic && family?.id !== MessageType.firstOfFamily;
    const find = changes ? () => resolveFamily(this.channel, this.spec.name, true) : undefined;
    const target = { spec: this.spec, netns: this.options.netns, groups: numbered, family: family?.id, find };
    const subscription = openSubscription(target, onEvent, options, (closed) => this.subscriptions.delete(closed));
    this.subscriptions.add(subscription);
    return subscription;
  }

  /** Closes the client and its subscriptions; pending requests fail with `closed`. */
  close(): void {
    this.closed = true;
    this.channel.close();
    for (const subscription of [...this.subscriptions]) subscription.close();
  }

  // Generic netlink families have their numbers from the running kernel. Asked when first needed, and when the kernel does not know the number any more.
  private async resolve(): Promise<Family | undefined> {
    if (!this.spec.generic) return undefined;
    const asked = this.family ?? resolveFamily(this.channel, this.spec.name, this.lacked);
    this.family = asked;
    try {
      return await asked;
    } catch (cause) {
      // The module may be loaded later, by somebody else.
      if (this.family === asked) this.family = undefined;
      if (cause instanceof NetlinkError && cause.code === 'unsupported') this.lacked = true;
      throw cause;
    }
  }

  private async exchange(
    operation: string,
    mode: 'do' | 'dump',
    message: Message,
    flags: number,
    only: readonly string[] | undefined,
  ): Promise<Message[]> {
    const asked = await this.resolve();
    try {
      return await this.exchangeWith(asked, operation, mode, message, flags, only);
    } catch (cause) {
      // Of a family that is not there the kernel says ENOENT (genl_rcv_msg()), as a family may of its own objects.
      if (asked === undefined || !(cause instanceof NetlinkError) || cause.code !== 'ENOENT') throw cause;
      this.family = undefined;
      const family = await this.resolve();
      if (family?.id === asked.id) throw cause;
      return this.exchangeWith(family, operation, mode, message, flags, only);
    }
  }

  private async exchangeWith(
    family: Family | undefined,
    operation: string,
    mode: 'do' | 'dump',
    message: Message,
    flags: number,
    only: readonly string[] | undefined,
  ): Promise<Message[]> {
    const { spec } = this;
    const label = `${spec.name} ${operation} ${mode}`;
    const request = encodeRequest(spec, operation, mode, message, {
      flags,
      ...(family === undefined ? {} : { familyId: family.id }),
    });
    const prune = pruner(only);
    const replies: Message[] = [];
    const onMessage = (input: Input, frame: Frame): void => {
      const layout = layoutOf(spec, input, frame);
      if (layout !== undefined) replies.push(decodeBody(spec, input, frame, layout, prune(layout)));
    };
    const { bytes } = request;
    const answer = await this.channel.send({ operation: label, bytes, onMessage });
    const { acknowledgement, interrupted } = answer;
    if (acknowledgement.errno !== 0) {
      const attribute = attributePath(request.operation.request, request.headerStart, request.marks, acknowledgement);
      const details = {
        operation: label,
        ...(acknowledgement.text === undefined ? {} : { extack: acknowledgement.text }),
        ...(acknowledgement.offset === undefined ? {} : { offset: acknowledgement.offset }),
        ...(attribute === undefined ? {} : { attribute }),
      };
      throw errnoError(acknowledgement.errno, details, acknowledgement.missingType !== undefined);
    }
    if (interrupted) throw new NetlinkError('interrupted', 'the state changed during the dump', { operation: label });
    return replies;
  }
}
