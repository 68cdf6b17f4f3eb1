// SPDX-License-Identifier: Apache-2.0
// One socket for requests: sends them one at a time and collects what the kernel answers.
import { type Input, inputOf } from './decode.js';
import { errnoError, malformed, NetlinkError } from './errors.js';
import {
  type Acknowledgement,
  type Frame,
  frameAt,
  hostLittleEndian,
  MessageFlag,
  MessageType,
  nextFrame,
  readAcknowledgement,
} from './framing.js';
import { type NativeSocket, openSocket, readableOverrun, readableTruncated } from './native.js';

export interface Request {
  /** For errors. */
  readonly operation: string;
  readonly bytes: Uint8Array;
  /** Called for each message of the answer. */
  readonly onMessage: (input: Input, frame: Frame) => void;
}

export interface Answer {
  readonly acknowledgement: Acknowledgement;
  /** A dump whose messages do not belong to one state. */
  readonly interrupted: boolean;
}

interface Waiting {
  readonly request: Request;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: NetlinkError) => void;
}

/** Requests queue up: the kernel allows one dump per socket. The socket keeps the process alive only while one waits. */
export class RequestChannel {
  private socket: NativeSocket | undefined;
  private readonly queue: Waiting[] = [];
  private current: Waiting | undefined;
  private sequence = 0;
  private interrupted = false;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly protocol: number,
    private readonly netns: string | undefined,
    private readonly timeoutMs: number,
    /** Sees everything that is received, before it is read: for recordings. */
    private readonly onReceived: (input: Input) => void = () => undefined,
  ) {
    this.open();
  }

  private open(): NativeSocket {
    const socket = openSocket(this.protocol, this.netns, (bytes, flags, errno) => {
      if (this.socket === socket) this.onReadable(bytes, flags, errno);
    });
    socket.unref();
    this.socket = socket;
    return socket;
  }

  /**
   * @throws NetlinkError for anything but an acknowledgement from the kernel; a negative one is in the answer
   */
  send(request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.closed) {
        reject(new NetlinkError('closed', 'the client is closed', { operation: request.operation }));
        return;
      }
      this.queue.push({ request, resolve, reject });
      this.next();
    });
  }

  close(): void {
    this.closed = true;
    this.socket?.close();
    this.socket = undefined;
    this.stopTimer();
    const waiting = [...(this.current === undefined ? [] : [this.current]), ...this.queue.splice(0)];
    this.current = undefined;
    for (const { request, reject } of waiting) {
      reject(new NetlinkError('closed', 'the client was closed', { operation: request.operation }));
    }
  }

  private next(): void {
    if (this.current !== undefined) return;
    const waiting = this.queue.shift();
    if (waiting === undefined) {
      this.socket?.unref();
      return;
    }
    this.current = waiting;
    this.interrupted = false;
    const { bytes, operation } = waiting.request;
    this.sequence = (this.sequence % 0xffffffff) + 1;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(8, this.sequence, hostLittleEndian);
    let socket: NativeSocket;
    try {
      socket = this.socket ?? this.open();
    } catch (cause) {
      this.fail(
        cause instanceof NetlinkError ? cause : new NetlinkError('closed', String(cause), { operation, cause }),
      );
      return;
    }
    socket.ref();
    this.startTimer();
    const errno = socket.send(bytes);
    if (errno !== 0) this.fail(errnoError(errno, { operation: `${operation} (send)` }));
  }

  // The kernel must go on answering; a long dump may take longer in all.
  private startTimer(): void {
    this.stopTimer();
    this.timer = setTimeout(() => this.giveUp(), this.timeoutMs);
    this.timer.unref();
  }

  private stopTimer(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  // What still comes would meet the next request, and the kernel may still be dumping: take a new socket.
  private giveUp(): void {
    const operation = this.current?.request.operation ?? '';
    this.failAndReopen(new NetlinkError('timeout', `no answer within ${this.timeoutMs} ms`, { operation }));
  }

  private fail(error: NetlinkError): void {
    const { current } = this;
    this.stopTimer();
    this.current = undefined;
    current?.reject(error);
    this.next();
  }

  private onReadable(bytes: ArrayBuffer | null, flags: number, errno: number): void {
    const operation = this.current?.request.operation ?? '';
    try {
      if (bytes !== null) this.onBytes(inputOf(new Uint8Array(bytes)));
    } catch (cause) {
      this.failAndReopen(cause instanceof NetlinkError ? cause : malformedBy(operation, cause));
      return;
    }
    if (this.current === undefined) return;
    if ((flags & readableOverrun) !== 0) {
      this.failAndReopen(
        new NetlinkError('overrun', 'the kernel dropped part of the answer', { operation, errno: 105 }),
      );
    } else if ((flags & readableTruncated) !== 0) {
      this.failAndReopen(new NetlinkError('truncated', 'a message was larger than the receive limit', { operation }));
    } else if (errno !== 0) this.failAndReopen(errnoError(errno, { operation: `${operation} (receive)` }));
  }

  private failAndReopen(error: NetlinkError): void {
    this.socket?.close();
    this.socket = undefined;
    this.fail(error);
  }

  private onBytes(input: Input): void {
    this.onReceived(input);
    for (let at = 0; at < input.bytes.length; ) {
      const frame = frameAt(input, at, input.bytes.length);
      at = nextFrame(frame);
      const { current } = this;
      // Answers to a request that was given up.
      if (current === undefined || frame.sequence !== this.sequence) continue;
      if ((frame.flags & MessageFlag.dumpInterrupted) !== 0 && frame.type !== MessageType.error)
        this.interrupted = true;
      if (frame.type === MessageType.error || frame.type === MessageType.done) {
        this.finish(current, { acknowledgement: readAcknowledgement(input, frame), interrupted: this.interrupted });
      } else if (frame.type >= MessageType.firstOfFamily) current.request.onMessage(input, frame);
    }
    if (this.current !== undefined) this.startTimer();
  }

  private finish(waiting: Waiting, answer: Answer): void {
    this.stopTimer();
    this.current = undefined;
    waiting.resolve(answer);
    this.next();
  }
}

function malformedBy(operation: string, cause: unknown): NetlinkError {
  const error = malformed(operation, cause instanceof Error ? cause.message : String(cause), 0);
  error.cause = cause;
  return error;
}
