// SPDX-License-Identifier: Apache-2.0
// A BPF map: create, open, look up, change, list. Keys and values are bytes in the kernel's layout.
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { Attr } from './attr.js';
import { ENOTSUPP, errnoError } from './error.js';
import { ensureMemlock } from './memlock.js';
import { type Handle, native } from './native.js';
import { openById, openPinned, pin, readInfo } from './object-info.js';
import { bpf, bpfAsync, bpfFd, KernelObject, tryBpf } from './syscall.js';
import { Command, type MapType, mapTypeName, mapTypeNumber, UpdateFlag } from './uapi.js';

const { ENOENT, EINVAL, EOPNOTSUPP, ENOSPC } = constants.errno;

export interface MapInfo {
  readonly id: number;
  readonly name: string;
  readonly type: MapType | `#${number}`;
  readonly keySize: number;
  /** Bytes of one value; per-CPU maps have one such value for each possible CPU. */
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly btfId: number;
  readonly btfValueTypeId: number;
}

export interface MapSpec {
  readonly type: MapType;
  readonly name?: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
  /** Template of the maps inside, for array_of_maps and hash_of_maps. */
  readonly inner?: BpfMap;
  /** Type information of the value, by a BTF descriptor. */
  readonly btf?: { readonly fd: number; readonly valueTypeId: number };
}

const PER_CPU: readonly string[] = ['percpu_hash', 'percpu_array', 'lru_percpu_hash', 'percpu_cgroup_storage'];

let possibleCpuCount = 0;

/** Number of possible CPUs: how many values a per-CPU map has for each key. */
export function possibleCpus(): number {
  if (possibleCpuCount === 0) {
    const ranges = readFileSync('/sys/devices/system/cpu/possible', 'latin1').trim();
    for (const range of ranges.split(',')) {
      const [first, last] = range.split('-').map(Number);
      possibleCpuCount += (last ?? first ?? 0) - (first ?? 0) + 1;
    }
  }
  return possibleCpuCount;
}

/** A map by its descriptor, made here or opened by id, pin or object. Keys and values are bytes. */
export class BpfMap extends KernelObject {
  readonly #info: MapInfo;

  /** For this package: wraps an open descriptor. */
  constructor(handle: Handle) {
    super(handle);
    try {
      this.#info = readMapInfo(this.fd);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  static create(spec: MapSpec): BpfMap {
    ensureMemlock();
    const attr = new Attr(72)
      .u32(0, mapTypeNumber(spec.type))
      .u32(4, spec.keySize)
      .u32(8, spec.valueSize)
      .u32(12, spec.maxEntries)
      .u32(16, spec.flags ?? 0)
      .u32(20, spec.inner?.fd ?? 0)
      .name(28, spec.name ?? '')
      .u32(48, spec.btf?.fd ?? 0)
      .u32(56, spec.btf?.valueTypeId ?? 0);
    return new BpfMap(bpfFd(Command.mapCreate, attr, spec.name ?? spec.type));
  }

  static fromId(id: number): BpfMap {
    return new BpfMap(openById(Command.mapFdById, id));
  }

  /** Throws BpfError 'wrong-kind' when something else than a map is pinned there. */
  static openPinned(path: string): BpfMap {
    return new BpfMap(openPinned(path, 'map'));
  }

  get info(): MapInfo {
    return this.#info;
  }

  /** Bytes that the kernel reads and writes for one key: all CPUs, each rounded up to 8, for per-CPU maps. */
  get #transferSize(): number {
    return this.perCpu ? roundUp8(this.#info.valueSize) * possibleCpus() : this.#info.valueSize;
  }

  get perCpu(): boolean {
    return PER_CPU.includes(this.#info.type);
  }

  /** The value (for per-CPU maps all CPUs' values in one block, see `getPerCpu`); undefined when the key is absent. */
  get(key: Uint8Array): Uint8Array | undefined {
    this.#checkKey(key);
    const value = new Uint8Array(this.#transferSize);
    const result = tryBpf(Command.mapLookup, this.#element(key).pointer(16, value));
    if (result === -ENOENT) return undefined;
    if (result < 0) throw errnoError(-result, 'BPF_MAP_LOOKUP', this.#info.name);
    return value;
  }

  /** What `get` gives for each key, in one go. */
  getMany(keys: readonly Uint8Array[]): readonly (Uint8Array | undefined)[] {
    const { keySize } = this.#info;
    const block = new Uint8Array(keys.length * keySize);
    for (const [i, key] of keys.entries()) {
      this.#checkKey(key);
      block.set(key, i * keySize);
    }
    const size = this.#transferSize;
    const { values, errnos } = native.mapLookups(this.fd, keySize, block, size);
    return keys.map((_, i) => {
      const errno = errnos[i] ?? 0;
      if (errno !== 0 && errno !== ENOENT) throw errnoError(errno, 'BPF_MAP_LOOKUP', this.#info.name);
      return errno === 0 ? values.subarray(i * size, (i + 1) * size) : undefined;
    });
  }

  getPerCpu(key: Uint8Array): Uint8Array[] | undefined {
    const block = this.get(key);
    return block === undefined ? undefined : this.splitPerCpu(block);
  }

  /** One value per possible CPU out of the block that `get` or `readAll` gives for a per-CPU map. */
  splitPerCpu(block: Uint8Array): Uint8Array[] {
    const stride = roundUp8(this.#info.valueSize);
    const values: Uint8Array[] = [];
    for (let at = 0; at + stride <= block.length; at += stride) {
      values.push(block.subarray(at, at + this.#info.valueSize));
    }
    return values;
  }

  set(key: Uint8Array, value: Uint8Array, flags: number = UpdateFlag.any): void {
    this.#checkKey(key);
    if (value.length !== this.#transferSize) throw this.#wrongSize('value', value.length, this.#transferSize);
    bpf(Command.mapUpdate, this.#element(key).pointer(16, value).u64(24, flags), this.#info.name);
  }

  /**
   * As `set`, on a pool thread: for updates that wait for an RCU grace period (maps of maps). `keep` owns what the value
   * refers to.
   */
  async setAsync(key: Uint8Array, value: Uint8Array, flags: number = UpdateFlag.any, keep?: object): Promise<void> {
    this.#checkKey(key);
    if (value.length !== this.#transferSize) throw this.#wrongSize('value', value.length, this.#transferSize);
    const attr = this.#element(key).pointer(16, value).u64(24, flags);
    await bpfAsync(Command.mapUpdate, attr, this.#info.name, [this, keep]);
  }

  setPerCpu(key: Uint8Array, values: readonly Uint8Array[]): void {
    const stride = roundUp8(this.#info.valueSize);
    const block = new Uint8Array(stride * possibleCpus());
    if (values.length !== possibleCpus()) throw this.#wrongSize('number of values', values.length, possibleCpus());
    values.forEach((value, cpu) => {
      if (value.length !== this.#info.valueSize) throw this.#wrongSize('value', value.length, this.#info.valueSize);
      block.set(value, cpu * stride);
    });
    this.set(key, block);
  }

  /** False when the key was not there. */
  delete(key: Uint8Array): boolean {
    this.#checkKey(key);
    const result = tryBpf(Command.mapDelete, this.#element(key));
    if (result === -ENOENT) return false;
    if (result < 0) throw errnoError(-result, 'BPF_MAP_DELETE', this.#info.name);
    return true;
  }

  /** Keys in the kernel's order. A key deleted meanwhile restarts the kernel's walk: the caller may see keys twice. */
  *keys(): Generator<Uint8Array> {
    let previous = new Uint8Array(0);
    while (true) {
      const next = new Uint8Array(this.#info.keySize);
      const attr = new Attr(32).u32(0, this.fd).pointer(8, previous).pointer(16, next);
      const result = tryBpf(Command.mapNextKey, attr);
      if (result === -ENOENT) return;
      if (result < 0) throw errnoError(-result, 'BPF_MAP_GET_NEXT_KEY', this.#info.name);
      yield next;
      previous = next;
    }
  }

  /** All entries, by batches where the kernel can (5.6), one by one where it cannot. */
  readAll(): [key: Uint8Array, value: Uint8Array][] {
    return this.#readBatches() ?? this.#readSingly();
  }

  /** Ends all writes from user space, for good. */
  freeze(): void {
    bpf(Command.mapFreeze, new Attr(4).u32(0, this.fd), this.#info.name);
  }

  pin(path: string): void {
    pin(this.fd, path);
  }

  #readSingly(): [Uint8Array, Uint8Array][] {
    const entries: [Uint8Array, Uint8Array][] = [];
    for (const key of this.keys()) {
      const value = this.get(key);
      if (value !== undefined) entries.push([key, value]);
    }
    return entries;
  }

  #readBatches(): [Uint8Array, Uint8Array][] | undefined {
    const { keySize, maxEntries } = this.#info;
    const valueSize = this.#transferSize;
    const entries: [Uint8Array, Uint8Array][] = [];
    let room = Math.max(1, Math.min(maxEntries, 1024));
    let position = new Uint8Array(0);
    while (true) {
      const keys = new Uint8Array(room * keySize);
      const values = new Uint8Array(room * valueSize);
      const next = new Uint8Array(Math.max(keySize, 8));
      const attr = new Attr(56).pointer(0, position).pointer(8, next).pointer(16, keys).pointer(24, values);
      attr.u32(32, room).u32(36, this.fd);
      const result = tryBpf(Command.mapLookupBatch, attr);
      if (result === -ENOSPC && room < maxEntries) {
        room = Math.min(maxEntries, room * 2); // one hash bucket holds more than this batch
        continue;
      }
      if (result < 0 && result !== -ENOENT) {
        const unsupported = [EINVAL, EOPNOTSUPP, ENOTSUPP].includes(-result);
        if (unsupported && entries.length === 0) return undefined;
        throw errnoError(-result, 'BPF_MAP_LOOKUP_BATCH', this.#info.name);
      }
      const count = attr.getU32(32);
      for (let i = 0; i < count; i++) {
        entries.push([keys.slice(i * keySize, (i + 1) * keySize), values.slice(i * valueSize, (i + 1) * valueSize)]);
      }
      if (result === -ENOENT) return entries;
      position = next;
    }
  }

  #element(key: Uint8Array): Attr {
    return new Attr(32).u32(0, this.fd).pointer(8, key);
  }

  #checkKey(key: Uint8Array): void {
    if (key.length !== this.#info.keySize) throw this.#wrongSize('key', key.length, this.#info.keySize);
  }

  #wrongSize(what: string, got: number, wanted: number): Error {
    return errnoError(EINVAL, `map ${what} of ${got} instead of ${wanted}`, this.#info.name);
  }
}

export function readMapInfo(fd: number): MapInfo {
  const info = readInfo(fd, 88);
  return {
    type: mapTypeName(info.getU32(0)) as MapInfo['type'],
    id: info.getU32(4),
    keySize: info.getU32(8),
    valueSize: info.getU32(12),
    maxEntries: info.getU32(16),
    flags: info.getU32(20),
    name: info.getName(24),
    btfId: info.getU32(64),
    btfValueTypeId: info.getU32(72),
  };
}

function roundUp8(size: number): number {
  return (size + 7) & ~7;
}
