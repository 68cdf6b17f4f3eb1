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

/** What became of the frames of a stream. */
export interface StreamCount {
  /** Exit code or errno of the change, 0 for success. */
  readonly code: number;
  /** Frames sent, of those that count. */
  readonly sent: number;
  /** How many of them came out of each port; -1 when there were too many to tell. */
  readonly ports: readonly number[];
  /** How many of them the packet socket saw that was the change. */
  readonly tapped: number;
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

  /** Opens a packet socket on an existing device, or on all with `any`, and returns its port number. `out`: sees outgoing frames, too; `ip`: IPv4 only. */
  async packet(name: string, kind?: 'out' | 'ip'): Promise<number> {
    return Number((await this.#ask(`packet ${name}${kind === undefined ? '' : ` ${kind}`}`)).text.slice(3));
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

  /** How long `flow` and `change` wait for their last frame if that is nowhere, in milliseconds: a busy kernel may have it. */
  async linger(msec: number): Promise<void> {
    await this.#ask(`linger ${msec}`);
  }

  /** Any other request that is answered by `ok`, as frames.c lists them: `tcx`, `generic`, `tapfilter`, … */
  async request(text: string): Promise<void> {
    await this.#ask(text);
  }

  /** Writes below /proc/sys of the namespace entered last. */
  async sysctl(path: string, value: string): Promise<void> {
    await this.#ask(`sysctl ${path} ${value}`);
  }

  /** State of a device of the namespace entered last; neither for one that is not there. */
  async link(name: string): Promise<{ readonly up: boolean; readonly running: boolean }> {
    const bits = await this.#ask(`link ${name}`).then(
      ({ text }) => Number(text.slice(3)),
      () => 0,
    );
    return { up: (bits & 1) !== 0, running: (bits & 2) !== 0 };
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

  /** Sets the frame whose numbered copies `flow` and `change` send; 60 bytes, of which 42 to 49 are overwritten. */
  async stream(port: number, bytes: string): Promise<void> {
    await this.#ask(`stream ${port} ${bytes}`);
  }

  /** From now on only frames with these bytes, in hexadecimal digits, at this offset count as having come out of a port. */
  async match(offset: number, bytes: string): Promise<void> {
    await this.#ask(`match ${offset} ${bytes}`);
  }

  async matchAll(): Promise<void> {
    await this.#ask('match 0');
  }

  /** Sends so many frames of the stream and counts them all. */
  async flow(count: number): Promise<StreamCount> {
    return counted((await this.#ask(`flow ${count}`)).text);
  }

  /**
   * Changes something while the stream flows, and counts the frames that were begun after the change had ended: `count` of
   * them at least. What can be changed is listed in frames.c; packet sockets and tc programs are taken away again at the end.
   */
  async change(what: string, count: number): Promise<StreamCount> {
    return counted((await this.#ask(`change ${count} ${what}`)).text);
  }

  /** Runs a command in the namespace entered last, without a shell; rejects if it fails. */
  async exec(command: string): Promise<void> {
    const code = Number((await this.#ask(`exec ${command}`)).text.slice(3));
    if (code !== 0) {
      throw new Error(`${command} exited with ${code}`);
    }
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

function counted(text: string): StreamCount {
  const [code = -1, sent = 0, ...rest] = text.split(' ').slice(1).map(Number);
  return { code, sent, ports: rest.slice(0, -1), tapped: rest.at(-1) ?? 0 };
}

/** An agent of its own, so that ending it takes away what it made. */
export async function withAgent(netns: string, make: (agent: Agent) => Promise<unknown>): Promise<() => Promise<void>> {
  const agent = await Agent.start();
  await agent.enter(netns);
  await make(agent);
  return () => agent.stop();
}

/** Namespaces whose devices say nothing by themselves: no IPv6. The agent ends in the last of them. */
export async function hush(agent: Agent, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await agent.enter(name);
    await agent.sysctl('net/ipv6/conf/all/disable_ipv6', '1');
    await agent.sysctl('net/ipv6/conf/default/disable_ipv6', '1');
  }
}
