// SPDX-License-Identifier: Apache-2.0
// The addon as TypeScript sees it. Nothing outside this package imports it: callers get the typed classes.
import { createRequire } from 'node:module';

/** A descriptor that the addon closes on `close()`, or when it is collected. `fd` is -1 once closed. */
export interface Handle {
  readonly fd: number;
  close(): void;
}

export interface Outcome {
  readonly errno: number;
  readonly log: string;
}

export interface ProgramSummary {
  readonly name: string;
  readonly section: string;
  readonly type: number;
  readonly expectedAttachType: number;
  readonly autoload: boolean;
  readonly instructions: number;
}

export interface MapSummary {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Made by libbpf for global variables. */
  readonly internal: boolean;
}

/** A global variable of an object; `length` is the number of array elements, null when it is no array. */
export interface Variable {
  readonly section: string;
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly kind: 'bool' | 'int' | 'enum' | 'pointer' | 'struct' | 'float' | 'other';
  readonly signed: boolean;
  readonly length: number | null;
}

export interface ObjectSummary {
  readonly programs: readonly ProgramSummary[];
  readonly maps: readonly MapSummary[];
  readonly variables: readonly Variable[];
}

/** A program as libbpf handed it to the kernel. The descriptors are borrowed from the object. */
export interface PreparedProgram {
  readonly insns: Uint8Array;
  readonly funcInfo: Uint8Array;
  readonly lineInfo: Uint8Array;
  readonly funcInfoRecordSize: number;
  readonly lineInfoRecordSize: number;
  readonly type: number;
  readonly expectedAttachType: number;
  readonly flags: number;
  readonly btfFd: number;
  readonly moduleFds: readonly number[];
}

export interface NativeObject {
  describe(): ObjectSummary;
  initialValue(map: string): Uint8Array | null;
  setInitialValue(map: string, value: Uint8Array): number;
  setMaxEntries(map: string, entries: number): number;
  setAutoload(program: string, on: boolean): number;
  reuseMap(map: string, fd: number): number;
  load(keepPrograms: boolean): Promise<Outcome>;
  programHandle(name: string): Handle | number;
  mapHandle(name: string): Handle | number;
  mapFd(name: string): number;
  prepared(program: string): PreparedProgram | null;
  close(): void;
}

export interface NativeKernelBtf {
  find(kind: number, name: string): { module: string | null; id: number; size: number } | null;
  field(type: string, path: string): { module: string | null; bits: number; bitfield: number; size: number } | null;
  enumValue(type: string, member: string): number | null;
  tagged(tag: string, func: string): boolean | null;
  moduleNames(): string[];
}

export interface NativeRingReader {
  close(): void;
  letProcessEnd(): void;
}

export interface TcFilter extends Outcome {
  readonly handle: number;
  readonly priority: number;
  readonly programId: number;
}

export interface XdpQueryResult extends Outcome {
  readonly mode: number;
  readonly programId: number;
  readonly driver: number;
  readonly generic: number;
  readonly hardware: number;
}

type Pointers = readonly (number | Uint8Array)[];

interface Native {
  openHandles(): number;
  openObject(bytes: Uint8Array, name: string): Promise<Outcome & { readonly object?: NativeObject }>;
  loadKernelBtf(): Promise<NativeKernelBtf | number>;
  RingReader: new (
    fd: number,
    limit: number,
    deliver: (samples: Uint8Array[], errno: number) => void,
  ) => NativeRingReader;
  /** Address of the buffer's memory, for a block that points to it; use it within one synchronous call. */
  address(buffer: Uint8Array): bigint;
  bpf(cmd: number, attr: Uint8Array, pointers: Pointers): number;
  bpfFd(cmd: number, attr: Uint8Array, pointers: Pointers): Handle | number;
  bpfAsync(cmd: number, attr: Uint8Array, pointers: Pointers, keep?: object): Promise<number>;
  bpfFdAsync(cmd: number, attr: Uint8Array, pointers: Pointers, keep?: object): Promise<Handle | number>;
  /** `infos` holds 64 bytes of struct bpf_link_info per path, where its errno is 0. */
  pinnedLinks(paths: readonly string[]): { readonly infos: Uint8Array; readonly errnos: Uint32Array };
  mapLookups(
    fd: number,
    keySize: number,
    keys: Uint8Array,
    valueSize: number,
  ): { readonly values: Uint8Array; readonly errnos: Uint32Array };
  /** For each device: errno, number of programs, and so many pairs of program id and link id. */
  tcxLists(attachType: number, ifindexes: Uint32Array): Uint32Array;
  probeProgramType(type: number): Promise<number>;
  probeMapType(type: number): Promise<number>;
  lockExclusive(path: string): Handle | number;
  mountBpffs(path: string, source: string): number;
  unmount(path: string): number;
  raiseMemlock(): number;
  tcHookCreate(ifindex: number, point: number): Promise<Outcome>;
  tcHookDestroy(ifindex: number): Promise<Outcome>;
  tcAttach(
    ifindex: number,
    point: number,
    fd: number,
    handle: number,
    priority: number,
    replace: boolean,
    keep: object,
  ): Promise<TcFilter>;
  tcDetach(ifindex: number, point: number, handle: number, priority: number): Promise<Outcome>;
  tcQuery(ifindex: number, point: number, handle: number, priority: number): Promise<TcFilter>;
  xdpQuery(ifindex: number): Promise<XdpQueryResult>;
  xdpAttach(ifindex: number, fd: number, flags: number, keep?: object): Promise<Outcome>;
}

// By the package's name: this code may be part of a bundle that lies elsewhere.
export const native = createRequire(import.meta.url)(
  'bpf-loader-native/build/Release/bpf_loader_native.node',
) as Native;

/** Descriptors, objects and ring readers that this addon holds open in this process: what leak tests compare. */
export function openHandles(): number {
  return native.openHandles();
}
