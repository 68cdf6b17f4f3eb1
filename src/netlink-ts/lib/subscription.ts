// SPDX-License-Identifier: Apache-2.0
// A socket of its own for multicast groups, so that a flood of events never costs a request its answer.
import type { Message, Spec } from './codec.js';
import { type Input, inputOf } from './decode.js';
import { errnoError, NetlinkError } from './errors.js';
import { type Family, familyChange, familyChanges } from './family.js';
import { FollowedFamily } from './followed-family.js';
import { type Frame, frameAt, MessageType, nextFrame } from './framing.js';
import { decodeBody, layoutOf } from './messages.js';
import { type NativeSocket, openSocket, readableOverrun, readableTruncated } from './native.js';
import { pruner } from './prune.js';

/** What a subscription delivers. */
export type NetlinkEvent =
  | { readonly kind: 'message'; readonly operation: string; readonly message: Message }
  /** A message of a type that the spec does not describe: something happened all the same. */
  | { readonly kind: 'unknown'; readonly type: number }
  /**
   * Events were lost, of a full receive buffer or while the family's module was not there: whatever was known must be asked for again. Told again when
   * all that was queued has been delivered, if that takes long. The subscription goes on.
   */
  | { readonly kind: 'overrun' }
  /** Something could not be read; counts as lost events as well. The subscription goes on. */
  | { readonly kind: 'error'; readonly error: NetlinkError };

export interface SubscribeOptions {
  /** Bytes of receive buffer (SO_RCVBUFFORCE, else SO_RCVBUF). */
  readonly receiveBuffer?: number;
  /** Decode only these attributes, or parts of nests by path, such as `linkinfo.kind` (and the fixed header). */
  readonly only?: readonly string[];
  /** Where there is no such generic netlink family: wait until a module brings it, which is told as an `overrun`, rather than fail. */
  readonly later?: boolean;
}

/** A live subscription. It keeps the process alive until `unref()` or `close()`. */
export interface Subscription {
  close(): void;
  ref(): void;
  unref(): void;
}

export interface SubscriptionTarget {
  readonly spec: Spec;
  readonly netns: string | undefined;
  /** Numbers are undefined as long as the family is not there. */
  readonly groups: readonly { readonly name: string; readonly number: number | undefined }[];
  /** Number of the generic netlink family when it was subscribed to; undefined for raw families, and where it is not there. */
  readonly family: number | undefined;
  /** Finds the family as it is now; undefined for one that does not change. */
  readonly find: (() => Promise<Family>) | undefined;
}

/**
 * Joins the groups of `target`; events from then on reach `onEvent`, in later turns of the event loop. An exception of
 * `onEvent` becomes an uncaught exception of the process, without losing the events behind it.
 * @throws NetlinkError
 */
export function openSubscription(
  target: SubscriptionTarget,
  onEvent: (event: NetlinkEvent) => void,
  options: SubscribeOptions,
  onClose: (subscription: Subscription) => void,
): Subscription {
  const { spec } = target;
  const prune = pruner(options.only);

  const deliver = (event: NetlinkEvent): void => {
    try {
      onEvent(event);
    } catch (thrown) {
      process.nextTick(() => {
        throw thrown;
      });
    }
  };

  const fail = (cause: unknown): void => deliver({ kind: 'error', error: asNetlinkError(cause, spec.name) });

  /** All that can be joined, also where one cannot. */
  const join = (groups: SubscriptionTarget['groups']): void => {
    let failure: NetlinkError | undefined;
    for (const { name, number } of groups) {
      const errno = number === undefined ? 0 : socket.membership(number, true);
      if (errno !== 0) failure ??= errnoError(errno, { operation: `${spec.name} subscribe to ${name}` });
    }
    if (failure !== undefined) throw failure;
  };

  const followed =
    target.find &&
    new FollowedFamily(target.family, {
      find: target.find,
      join: (numbers) => join(target.groups.map(({ name }) => ({ name, number: numbers.get(name) }))),
      lost: () => deliver({ kind: 'overrun' }),
      failed: fail,
    });

  const follow = (family: FollowedFamily, input: Input, frame: Frame): void => {
    const change = familyChange(input, frame, spec.name);
    if (change !== undefined) family.changed(change);
  };

  const isOurs = (type: number): boolean => {
    if (followed !== undefined) return followed.isOf(type);
    return target.family === undefined ? type >= MessageType.firstOfFamily : type === target.family;
  };

  const deliverBytes = (bytes: Uint8Array): void => {
    const input = inputOf(bytes);
    for (let at = 0; at < bytes.length && socket.fd() >= 0; ) {
      const frame = frameAt(input, at, bytes.length);
      at = nextFrame(frame);
      if (followed !== undefined && frame.type === MessageType.firstOfFamily) follow(followed, input, frame);
      if (!isOurs(frame.type)) continue;
      const layout = layoutOf(spec, input, frame);
      if (layout === undefined) {
        deliver({ kind: 'unknown', type: frame.type });
        continue;
      }
      let message: Message;
      try {
        message = decodeBody(spec, input, frame, layout, prune(layout));
      } catch (cause) {
        fail(cause);
        continue;
      }
      deliver({ kind: 'message', operation: layout.operation, message });
    }
  };

  const socket: NativeSocket = openSocket(spec.protocol, target.netns, (bytes, flags, errno) => {
    // The loss comes before what is still queued. Until that has been delivered the kernel may drop more, so it comes once more then.
    if ((flags & readableOverrun) !== 0) deliver({ kind: 'overrun' });
    if ((flags & readableTruncated) !== 0) {
      const details = { operation: `${spec.name} subscription` };
      fail(new NetlinkError('truncated', 'an event was cut off', details));
    }
    let isWhole = flags === 0 && errno === 0;
    try {
      if (bytes !== null) deliverBytes(new Uint8Array(bytes));
    } catch (cause) {
      isWhole = false;
      fail(cause);
    }
    if (errno !== 0) fail(errnoError(errno, { operation: `${spec.name} subscription` }));
    if (!isWhole) void followed?.ask();
  });

  try {
    if (options.receiveBuffer !== undefined) {
      const errno = socket.setReceiveBuffer(options.receiveBuffer);
      if (errno !== 0) throw errnoError(errno, { operation: `${spec.name} subscribe (receive buffer)` });
    }
    join([...(followed === undefined ? [] : [familyChanges]), ...target.groups]);
  } catch (cause) {
    socket.close();
    throw cause;
  }

  // It may have come before its coming could be heard.
  if (target.family === undefined) void followed?.ask();

  const subscription: Subscription = {
    close: () => {
      followed?.close();
      socket.close();
      onClose(subscription);
    },
    ref: () => socket.ref(),
    unref: () => socket.unref(),
  };
  return subscription;
}

function asNetlinkError(cause: unknown, spec: string): NetlinkError {
  if (cause instanceof NetlinkError) return cause;
  return new NetlinkError('malformed', String(cause), { operation: `decode ${spec} event`, cause });
}
