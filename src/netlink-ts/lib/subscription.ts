// SPDX-License-Identifier: Apache-2.0
// A socket of its own for multicast groups, so that a flood of events never costs a request its answer.
import type { Message, Spec } from './codec.js';
import { type Input, inputOf } from './decode.js';
import { errnoError, NetlinkError } from './errors.js';
import { familyChange, familyChanges } from './family.js';
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
   * Events were lost, of a full receive buffer or while the family's module was loaded anew: whatever was known must be asked for again. Told again when
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
  readonly groups: readonly { readonly name: string; readonly number: number }[];
  /** Number of the generic netlink family when it was subscribed to; undefined for raw families. */
  readonly family: number | undefined;
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
  let familyId = target.family;
  const followsFamily = familyId !== undefined && familyId !== MessageType.firstOfFamily;

  const deliver = (event: NetlinkEvent): void => {
    try {
      onEvent(event);
    } catch (thrown) {
      process.nextTick(() => {
        throw thrown;
      });
    }
  };

  /** A module that goes takes its groups along; one that comes has others. What happened in between was not heard. */
  const followFamily = (input: Input, frame: Frame): void => {
    const change = familyChange(input, frame, spec.name);
    if (change === undefined) return;
    if (change !== 'gone') {
      familyId = change.id;
      for (const { name } of target.groups) {
        const number = change.groups.get(name);
        const errno = number === undefined ? 0 : socket.membership(number, true);
        if (errno !== 0) throw errnoError(errno, { operation: `${spec.name} subscribe to ${name}` });
      }
    }
    deliver({ kind: 'overrun' });
  };

  const deliverBytes = (bytes: Uint8Array): void => {
    const input = inputOf(bytes);
    for (let at = 0; at < bytes.length && socket.fd() >= 0; ) {
      const frame = frameAt(input, at, bytes.length);
      at = nextFrame(frame);
      if (followsFamily && frame.type === MessageType.firstOfFamily) followFamily(input, frame);
      if (frame.type < MessageType.firstOfFamily || (familyId !== undefined && frame.type !== familyId)) continue;
      const layout = layoutOf(spec, input, frame);
      if (layout === undefined) {
        deliver({ kind: 'unknown', type: frame.type });
        continue;
      }
      let event: NetlinkEvent;
      try {
        const message = decodeBody(spec, input, frame, layout, prune(layout));
        event = { kind: 'message', operation: layout.operation, message };
      } catch (cause) {
        event = { kind: 'error', error: asNetlinkError(cause, spec.name) };
      }
      deliver(event);
    }
  };

  const socket: NativeSocket = openSocket(spec.protocol, target.netns, (bytes, flags, errno) => {
    // The loss comes before what is still queued. Until that has been delivered the kernel may drop more, so it comes once more then.
    if ((flags & readableOverrun) !== 0) deliver({ kind: 'overrun' });
    if ((flags & readableTruncated) !== 0) {
      const details = { operation: `${spec.name} subscription` };
      deliver({ kind: 'error', error: new NetlinkError('truncated', 'an event was cut off', details) });
    }
    try {
      if (bytes !== null) deliverBytes(new Uint8Array(bytes));
    } catch (cause) {
      deliver({ kind: 'error', error: asNetlinkError(cause, spec.name) });
    }
    if (errno !== 0) deliver({ kind: 'error', error: errnoError(errno, { operation: `${spec.name} subscription` }) });
  });

  try {
    if (options.receiveBuffer !== undefined) {
      const errno = socket.setReceiveBuffer(options.receiveBuffer);
      if (errno !== 0) throw errnoError(errno, { operation: `${spec.name} subscribe (receive buffer)` });
    }
    for (const { name, number } of [...(followsFamily ? [familyChanges] : []), ...target.groups]) {
      const errno = socket.membership(number, true);
      if (errno !== 0) throw errnoError(errno, { operation: `${spec.name} subscribe to ${name}` });
    }
  } catch (cause) {
    socket.close();
    throw cause;
  }

  const subscription: Subscription = {
    close: () => {
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
