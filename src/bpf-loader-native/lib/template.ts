// SPDX-License-Identifier: Apache-2.0
// Programs that differ only in constants, without libbpf's work for each (it parses the whole kernel's BTF per load).
// The object is loaded once: that resolves CO-RE, kernel symbols and maps. A specialisation is the same instructions
// with the read-only data map replaced by another one; the verifier sees its contents as constants, as always.
import { u32Bytes } from './attr.js';
import { BpfError } from './error.js';
import { replaceMapFds } from './instructions.js';
import { BpfMap } from './map.js';
import type { PreparedProgram } from './native.js';
import type { BpfObject } from './object.js';
import { type BpfProgram, loadProgram } from './program.js';
import { MapFlag } from './uapi.js';
import { encodeVariable, type VariableValue } from './variable.js';

export interface Specialisation {
  readonly program: string;
  /** Constants that differ from the object's values. */
  readonly rodata?: Readonly<Record<string, VariableValue>>;
  /** Maps to use in place of those that the object was loaded with, by name; they must have the same shape. */
  readonly maps?: Readonly<Record<string, BpfMap>>;
  /** Name of the loaded program, at most 15 characters are kept; default: the program's own. */
  readonly name?: string;
}

/** An object loaded once, from whose relocated instructions specialised programs are made at the cost of the verifier alone. */
export class BpfTemplate {
  readonly object: BpfObject;

  private constructor(object: BpfObject) {
    this.object = object;
  }

  /**
   * Loads `object`, which from now on belongs to the template. Set the constants that switch features off first: the
   * verifier then has little to do, and code behind a missing kernel symbol is dead. All specialisations share the
   * object's maps, .data and .bss; only .rodata is their own.
   */
  static async create(object: BpfObject): Promise<BpfTemplate> {
    if (object.loaded) {
      throw new BpfError({ code: 'value', operation: 'make template', object: object.name, summary: 'already loaded' });
    }
    await object.load({ keepPrograms: true });
    return new BpfTemplate(object);
  }

  /** Loads one program with these constants. The caller owns it. Throws BpfError 'verifier', 'value', 'unknown-name'. */
  async specialise(request: Specialisation): Promise<BpfProgram> {
    const prepared = this.object.preparedProgram(request.program);
    const sections = this.#sections(request.rodata ?? {});
    const created: BpfMap[] = [];
    const replacements = new Map<number, number>();
    try {
      for (const [section, bytes] of sections) {
        const map = this.#readOnlyMap(section, bytes, prepared.btfFd);
        created.push(map);
        replacements.set(this.object.mapFd(section), map.fd);
      }
      const others = Object.entries(request.maps ?? {});
      for (const [name, map] of others) replacements.set(this.object.mapFd(name), map.fd);
      const insns = replaceMapFds(prepared.insns, replacements);
      return await loadProgram({
        name: request.name ?? request.program,
        license: this.object.license,
        insns,
        keep: [this.object, created, others],
        ...loadDetails(prepared),
      });
    } finally {
      // The program holds its maps itself; on failure nothing may stay.
      for (const map of created) map.close();
    }
  }

  close(): void {
    this.object.close();
  }

  /** Changed sections only: one that no constant touches stays shared with the template. */
  #sections(rodata: Readonly<Record<string, VariableValue>>): Map<string, Uint8Array> {
    const sections = new Map<string, Uint8Array>();
    for (const [name, value] of Object.entries(rodata)) {
      const variable = this.object.rodataVariable(name);
      const bytes = sections.get(variable.section) ?? this.object.initialSection(variable.section);
      bytes.set(encodeVariable(variable, value), variable.offset);
      sections.set(variable.section, bytes);
    }
    return sections;
  }

  #readOnlyMap(section: string, bytes: Uint8Array, btfFd: number): BpfMap {
    const original = this.object.map(section).info;
    const map = BpfMap.create({
      type: 'array',
      name: original.name,
      keySize: 4,
      valueSize: original.valueSize,
      maxEntries: 1,
      flags: MapFlag.readOnlyProgram,
      ...(btfFd > 0 && original.btfValueTypeId > 0 ? { btf: { fd: btfFd, valueTypeId: original.btfValueTypeId } } : {}),
    });
    try {
      map.set(u32Bytes(0), bytes);
      map.freeze();
    } catch (error) {
      map.close();
      throw error;
    }
    return map;
  }
}

function loadDetails(prepared: PreparedProgram) {
  return {
    type: prepared.type,
    expectedAttachType: prepared.expectedAttachType,
    flags: prepared.flags,
    btfFd: prepared.btfFd,
    funcInfo: { bytes: prepared.funcInfo, recordSize: prepared.funcInfoRecordSize },
    lineInfo: { bytes: prepared.lineInfo, recordSize: prepared.lineInfoRecordSize },
    // Index 0 stands for vmlinux and is never read.
    ...(prepared.moduleFds.length === 0
      ? {}
      : { fdArray: u32Bytes(...prepared.moduleFds.map((fd) => Math.max(fd, 0))) }),
  };
}
