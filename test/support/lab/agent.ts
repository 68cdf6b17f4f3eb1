// SPDX-License-Identifier: Apache-2.0
// One running agent (frames.c): ports inside namespaces, frames in, frames out. Its protocol is described there.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { agentBinary } from './agent-binary.js';

/** A frame that came out of a port. */
export interface Received {
  /** Number of the port, in the order of creation. */
  readonly port: number;
  /** The kernel left the checksum for a device to fill in (CHECKSUM_PARTIAL). */
  readonly partial: boolean;
  /** Hexadecimal bytes from the destination address on, VLAN tags included. */
  readonly bytes: string;
}

/** What one sent frame caused, as far as it was visible before the next was sent. */
export interface SendResult {
  /** errno of the send, 0 for success. */
  readonly errno: number;
  readonly received: readonly Received[];
}

/** A frame to send. */
export interface Send {
  readonly port: number;
  /** Hexadecimal bytes; with `virtio` they begin with a struct virtio_net_hdr of 10 bytes. */
  readonly bytes: string;
  readonly virtio?: boolean;
  /** A VLAN tag (TPID << 16 | TCI) to put into the metadata; the port needs `pushVlanFromMark`. */
  readonly mark?: number;
}

interface Reply {
  readonly text: string;
  readonly received: readonly Received[];
}

interface Pending {
  readonly request: string;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

type AgentProcess = ChildProcessByStdio<Writable, Readable, null>;

export class Agent {
  readonly #process: AgentProcess;
  readonly #pending: Pending[] = [];
  #buffer = '';
  #reply: { text: string; left: number; received: Received[] } | undefined;
  #dead: Error | undefined;

  private constructor(process: AgentProcess) {
    this.#process = process;
    process.stdout.setEncoding('latin1');
    process.stdout.on('data', (data: string) => this.#take(data));
    process.stdin.on('error', () => undefined);
    process.on('close', (code) => {
      this.#dead = new Error(`the lab agent ended with code ${code}`);
      for (const pending of this.#pending.splice(0)) {
        pending.reject(this.#dead);
      }
    });
  }

  static async start(): Promise<Agent> {
    return new Agent(spawn(await agentBinary(), [], { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /** Enters a namespace made with `ip netns add`; ports made before stay where they are. */
  async enter(netns: string): Promise<void> {
    await this.#ask(`netns ${netns}`);
  }

  /** Makes a tap and returns its port number; `virtio` for one with a struct virtio_net_hdr before each frame. */
  async tap(name: string, virtio = false): Promise<number> {
    return Number((await this.#ask(`${virtio ? 'vnettap' : 'tap'} ${name}`)).text.slice(3));
  }

  /** Opens a packet socket on an existing device, or on all with `any`, and returns its port number. `outgoing`: sees those, too. */
  async packet(name: string, outgoing = false): Promise<number> {
    return Number((await this.#ask(`packet ${name}${outgoing ? ' out' : ''}`)).text.slice(3));
  }

  async gro(name: string, on: boolean): Promise<void> {
    await this.#ask(`gro ${name} ${on ? 1 : 0}`);
  }

  /** Makes frames sent with `mark` on this device carry a VLAN tag in metadata. */
  async pushVlanFromMark(name: string): Promise<void> {
    await this.#ask(`vlanpush ${name}`);
  }

  /** Pause after each send, in microseconds: for devices that hand frames over by softirq. */
  async settle(usec: number): Promise<void> {
    await this.#ask(`settle ${usec}`);
  }

  /** Any other request that is answered by `ok`, as frames.c lists them: `tcx`, `generic`, `tapfilter`, … */
  async request(text: string): Promise<void> {
    await this.#ask(text);
  }

  /** Writes below /proc/sys of the namespace entered last. */
  async sysctl(path: string, value: string): Promise<void> {
    await this.#ask(`sysctl ${path} ${value}`);
  }

  /** Reads a file as the namespace entered last shows it, such as /proc/net/snmp. */
  async read(path: string): Promise<string> {
    return Buffer.from((await this.#ask(`read ${path}`)).text.slice(5), 'hex').toString();
  }

  /** Sends frames one after the other, draining all ports after each. */
  async send(frames: readonly Send[]): Promise<SendResult[]> {
    const replies = await Promise.all(
      frames.map((frame) => {
        if (frame.virtio === true) {
          return this.#ask(`vnet ${frame.port} ${frame.bytes}`);
        }
        return this.#ask(
          frame.mark === undefined
            ? `send ${frame.port} ${frame.bytes}`
            : `mark ${frame.port} ${frame.mark} ${frame.bytes}`,
        );
      }),
    );
    return replies.map((reply) => ({ errno: Number(reply.text.split(' ')[1]), received: reply.received }));
  }

  /** Frames that arrive until none came for `quiet` milliseconds. */
  async collect(quiet: number): Promise<readonly Received[]> {
    return (await this.#ask(`collect ${quiet}`)).received;
  }

  /** Ends the agent and waits for it; its ports are closed then. */
  async stop(): Promise<void> {
    if (this.#dead !== undefined) {
      return;
    }
    const closed = new Promise<void>((resolve) => this.#process.once('close', () => resolve()));
    this.#process.stdin.end();
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 2000);
    await closed;
    clearTimeout(timer);
  }

  #ask(request: string): Promise<Reply> {
    if (this.#dead !== undefined) {
      return Promise.reject(this.#dead);
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ request, resolve, reject });
      this.#process.stdin.write(`${request}\n`, 'latin1');
    });
  }

  #take(data: string): void {
    this.#buffer += data;
    let start = 0;
    for (;;) {
      const end = this.#buffer.indexOf('\n', start);
      if (end < 0) {
        break;
      }
      this.#line(this.#buffer.slice(start, end));
      start = end + 1;
    }
    this.#buffer = this.#buffer.slice(start);
  }

  #line(line: string): void {
    if (this.#reply === undefined) {
      const counted = /^(?:sent -?\d+|collected) (\d+)$/.exec(line);
      this.#reply = { text: line, left: Number(counted?.[1] ?? 0), received: [] };
    } else {
      const [, port, flags, bytes] = line.split(' ');
      this.#reply.received.push({ port: Number(port), partial: flags === 'c', bytes: bytes ?? '' });
      this.#reply.left -= 1;
    }
    if (this.#reply.left > 0) {
      return;
    }
    const { text, received } = this.#reply;
    this.#reply = undefined;
    const pending = this.#pending.shift();
    if (text.startsWith('error ')) {
      pending?.reject(new Error(`${text.slice(6)} (lab agent, ${pending.request.slice(0, 80)})`));
    } else {
      pending?.resolve({ text, received });
    }
  }
}
