// SPDX-License-Identifier: Apache-2.0
// The running kernel's types, functions and enum values: vmlinux first, then the modules loaded at that moment.
import { BpfError, errnoError } from './error.js';
import { type NativeKernelBtf, native } from './native.js';

const KINDS = { int: 1, struct: 4, union: 5, enum: 6, typedef: 8, func: 12, var: 14 } as const;
export type BtfKind = keyof typeof KINDS;

export interface TypeMatch {
  /** Null for vmlinux. */
  readonly module: string | null;
  readonly id: number;
  readonly size: number;
}

export interface FieldMatch {
  readonly module: string | null;
  /** Bytes from the start of the type; of the containing byte for a bit field. */
  readonly offset: number;
  readonly size: number;
  /** Null unless a bit field. */
  readonly bits: { readonly offset: number; readonly width: number } | null;
}

/** The types of the running kernel and of its loaded modules. */
export class KernelBtf {
  readonly #native: NativeKernelBtf;

  constructor(loaded: NativeKernelBtf) {
    this.#native = loaded;
  }

  findType(kind: BtfKind, name: string): TypeMatch | null {
    return this.#native.find(KINDS[kind], name);
  }

  hasType(kind: BtfKind, name: string): boolean {
    return this.findType(kind, name) !== null;
  }

  /**
   * A field by path, e.g. 'net.nft.base_seq': type name, then members, through anonymous and embedded structs.
   * Pointers are not followed, because an offset has one base.
   */
  findField(path: string): FieldMatch | null {
    const dot = path.indexOf('.');
    if (dot < 0)
      throw new BpfError({ code: 'value', operation: 'find field', object: path, summary: 'no field named' });
    const found = this.#native.field(path.slice(0, dot), path.slice(dot + 1));
    if (found === null) return null;
    return {
      module: found.module,
      offset: Math.floor(found.bits / 8),
      size: found.size,
      bits: found.bitfield > 0 ? { offset: found.bits, width: found.bitfield } : null,
    };
  }

  hasField(path: string): boolean {
    return this.findField(path) !== null;
  }

  fieldOffset(path: string): number | null {
    return this.findField(path)?.offset ?? null;
  }

  /** Whether BTF knows a function of that name: not yet that programs may call it (see `isKfunc`, `probe`). */
  hasFunc(name: string): boolean {
    return this.hasType('func', name);
  }

  /** Null when this kernel's BTF does not mark the functions that programs may call. */
  isKfunc(name: string): boolean | null {
    return this.#native.tagged('bpf_kfunc', name);
  }

  /** `enumValue('bpf_func_id', 'BPF_FUNC_fib_lookup')`; an empty type name searches all enums (slow). */
  enumValue(type: string, member: string): number | null {
    return this.#native.enumValue(type, member);
  }

  /** Modules with BTF that are loaded now. */
  modules(): readonly string[] {
    return this.#native.moduleNames();
  }
}

let loading: Promise<KernelBtf> | undefined;

/** Parsed once per process, on a pool thread. Throws BpfError 'btf' on a kernel without it; that is not remembered. */
export function kernelBtf(): Promise<KernelBtf> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<KernelBtf> {
  const loaded = await native.loadKernelBtf();
  if (typeof loaded !== 'number') return new KernelBtf(loaded);
  const { errno } = errnoError(-loaded, 'read', '/sys/kernel/btf/vmlinux');
  throw new BpfError({ code: 'btf', errno, operation: 'read', object: '/sys/kernel/btf/vmlinux' });
}
