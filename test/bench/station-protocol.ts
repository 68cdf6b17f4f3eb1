// SPDX-License-Identifier: Apache-2.0
// What the benchmark asks of its station: the process, pinned to one core, that holds the generator, the sink and the
// programs that TNA is compared with. Namespaces are names below /run/netns.

export interface Operations {
  /** Loads the generator; it sends out of the device. */
  readonly generator: {
    readonly arguments: {
      readonly netns: string;
      readonly ifindex: number;
      readonly object: string;
      readonly program: string;
      /** Hexadecimal bytes, of which the generator overwrites some. */
      readonly frame: string;
      /** Of the program, by name. */
      readonly constants: Readonly<Record<string, number | readonly number[]>>;
    };
    readonly result: null;
  };
  /** Attaches the sink to a device. */
  readonly sink: {
    readonly arguments: {
      readonly netns: string;
      readonly ifindex: number;
      readonly object: string;
      /** Destination address of the frames to count, hexadecimal. */
      readonly destination: string;
    };
    readonly result: null;
  };
  /** Sends frames and waits until the sink has settled. */
  readonly send: {
    readonly arguments: { readonly frames: number };
    readonly result: { readonly nsPerFrame: number; readonly arrived: number };
  };
  /** Attaches the program `NAME_HOOK` of an object: it sends to `egress`, by a map at `key`. */
  readonly redirect: {
    readonly arguments: {
      readonly netns: string;
      readonly hook: BareHook;
      readonly object: string;
      readonly name: string;
      readonly ifindex: number;
      readonly egress: number;
      readonly key: number;
    };
    readonly result: null;
  };
  /** Attaches the same empty program to each device in a bare loop, and takes it off again. */
  readonly attachAll: {
    readonly arguments: {
      readonly netns: string;
      readonly hook: BareHook;
      readonly object: string;
      readonly ifindexes: readonly number[];
    };
    readonly result: { readonly attachMs: number; readonly detachMs: number };
  };
  /** Takes off what `redirect` attached. */
  readonly release: { readonly arguments: Record<string, never>; readonly result: null };
  /** Programs on a device, by hook. */
  readonly attached: {
    readonly arguments: { readonly netns: string; readonly ifindex: number };
    readonly result: { readonly xdp: number; readonly tc: number };
  };
}

export type BareHook = 'xdp' | 'tc';
export type Operation = keyof Operations;

export type Request = { [K in Operation]: { readonly op: K; readonly args: Operations[K]['arguments'] } }[Operation];

export type Reply = { readonly result: unknown } | { readonly error: string };
