// SPDX-License-Identifier: Apache-2.0
// A compiled BPF object: open, look inside, set constants, load through libbpf.
import { existsSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { elfSection, stringAt } from './elf.js';
import { BpfError, errnoError } from './error.js';
import { loadFailure } from './load-failure.js';
import { BpfMap, type MapInfo } from './map.js';
import { type Handle, type NativeObject, native, type PreparedProgram, type Variable } from './native.js';
import { BpfProgram } from './program.js';
import { MapFlag, type MapType, mapTypeName, type ProgramType, programTypeName } from './uapi.js';
import { encodeVariable, unknownName, type VariableValue } from './variable.js';

export interface OpenOptions {
  /** Prefix of the names of maps that hold global variables; default: the file's name. */
  readonly name?: string;
  /** Maps to use in place of the object's own, by name; they must have the same shape. */
  readonly reuseMaps?: Readonly<Record<string, BpfMap>>;
  /** At load, every map that is not of global variables is taken from, or else pinned to, this directory by its name. */
  readonly pinnedMapDir?: string;
}

export interface ProgramDescription {
  readonly name: string;
  readonly section: string;
  readonly type: ProgramType | `#${number}`;
  readonly expectedAttachType: number;
  readonly autoload: boolean;
  readonly instructions: number;
}

export interface MapDescription {
  readonly name: string;
  readonly type: MapType | `#${number}`;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Made for global variables. */
  readonly internal: boolean;
}

/** The programs, maps and global variables of an object file: opened, set up, loaded, closed. */
export class BpfObject {
  readonly name: string;
  readonly license: string;
  readonly #native: NativeObject;
  readonly #variables: ReadonlyMap<string, Variable>;
  readonly #programNames: readonly string[];
  readonly #mapNames: readonly string[];
  readonly #programs = new Map<string, BpfProgram>();
  readonly #maps = new Map<string, BpfMap>();
  #loaded = false;
  readonly #pinnedMapDir: string | undefined;
  readonly #reused = new Set<string>();

  private constructor(name: string, license: string, object: NativeObject, pinnedMapDir: string | undefined) {
    this.name = name;
    this.#pinnedMapDir = pinnedMapDir;
    this.license = license;
    this.#native = object;
    const summary = object.describe();
    this.#programNames = summary.programs.map((program) => program.name);
    this.#mapNames = [...summary.maps, ...summary.variables].map((item) =>
      'section' in item ? item.section : item.name,
    );
    const globals = summary.variables.filter((variable) => variable.section.startsWith('.'));
    this.#variables = new Map(globals.map((variable) => [variable.name, variable]));
  }

  /** Parses a file or its contents. Throws BpfError 'elf', 'btf' or an errno name. */
  static async open(source: string | Uint8Array, options: OpenOptions = {}): Promise<BpfObject> {
    const bytes = typeof source === 'string' ? await readObject(source) : source;
    const name = options.name ?? (typeof source === 'string' ? basename(source).replace(/(\.bpf)?\.o$/, '') : 'object');
    const opened = await native.openObject(bytes, name);
    if (opened.object === undefined) throw loadFailure('open', name, opened.errno, opened.log);
    const license = elfSection(bytes, 'license');
    const text = license === undefined ? '' : stringAt(license, 0);
    const object = new BpfObject(name, text, opened.object, options.pinnedMapDir);
    try {
      for (const [map, other] of Object.entries(options.reuseMaps ?? {})) object.#reuse(map, other);
    } catch (error) {
      object.close();
      throw error;
    }
    return object;
  }

  get programs(): readonly ProgramDescription[] {
    return this.#native.describe().programs.map((p) => ({ ...p, type: programTypeName(p.type) }));
  }

  get maps(): readonly MapDescription[] {
    return this.#native.describe().maps.map((m) => ({ ...m, type: mapTypeName(m.type) }));
  }

  /** Constants (`const volatile`) that can be set before the load. */
  get rodata(): readonly Variable[] {
    return [...this.#variables.values()].filter((variable) => variable.section.startsWith('.rodata'));
  }

  /** All global variables, including those of .data and .bss. */
  get variables(): readonly Variable[] {
    return [...this.#variables.values()];
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  /** Throws BpfError 'unknown-name' (with the nearest names) or 'value'. */
  setRodata(name: string, value: VariableValue): void {
    const variable = this.rodataVariable(name);
    const section = this.initialSection(variable.section);
    section.set(encodeVariable(variable, value), variable.offset);
    this.#check(this.#native.setInitialValue(variable.section, section), 'set constant', name);
  }

  setMaxEntries(map: string, entries: number): void {
    this.#check(this.#native.setMaxEntries(this.#knownMap(map), entries), 'set map size', map);
  }

  setAutoload(program: string, on: boolean): void {
    this.#check(this.#native.setAutoload(this.#knownProgram(program), on), 'set autoload', program);
  }

  /** Relocates, creates maps and loads every program with autoload. `keepPrograms` is for templates. */
  async load(options: { readonly keepPrograms?: boolean } = {}): Promise<void> {
    const unpinned = this.#reusePinned();
    const outcome = await this.#native.load(options.keepPrograms ?? false);
    if (outcome.errno !== 0) throw loadFailure('load', this.name, outcome.errno, outcome.log);
    this.#loaded = true;
    const pinned: string[] = [];
    try {
      for (const [name, path] of unpinned) {
        this.map(name).pin(path);
        pinned.push(path);
      }
    } catch (error) {
      // The next load would mix these with maps of its own.
      for (const path of pinned) rmSync(path, { force: true });
      throw error;
    }
  }

  /** A loaded program, owned by this object: it is closed with it. */
  program(name: string): BpfProgram {
    const known = this.#programs.get(name);
    if (known !== undefined) return known;
    const handle = this.#native.programHandle(this.#knownProgram(name));
    const program = new BpfProgram(this.#handle(handle, 'program', name));
    this.#programs.set(name, program);
    return program;
  }

  /** A created map, owned by this object; variables' maps go by their section, e.g. '.bss'. */
  map(name: string): BpfMap {
    const known = this.#maps.get(name);
    if (known !== undefined) return known;
    const handle = this.#native.mapHandle(this.#knownMap(name));
    const map = new BpfMap(this.#handle(handle, 'map', name));
    this.#maps.set(name, map);
    return map;
  }

  /** Frees everything that this object opened; pinned and attached things live on. May be called twice. */
  close(): void {
    for (const owned of [...this.#programs.values(), ...this.#maps.values()]) owned.close();
    this.#native.close();
  }

  /** For templates: the bytes of a section as they stand. */
  initialSection(section: string): Uint8Array {
    const bytes = this.#native.initialValue(section);
    if (bytes === null) throw unknownName('section', section, []);
    return bytes;
  }

  /** For templates: the descriptor that libbpf put into instructions that use this map. */
  mapFd(name: string): number {
    return this.#native.mapFd(name);
  }

  /** For templates: needs `load({keepPrograms: true})`. */
  preparedProgram(name: string): PreparedProgram {
    const prepared = this.#native.prepared(this.#knownProgram(name));
    if (prepared !== null) return prepared;
    throw new BpfError({
      code: 'unknown-name',
      operation: 'specialise',
      object: name,
      summary: `program '${name}' was not loaded as part of the template`,
    });
  }

  rodataVariable(name: string): Variable {
    const variable = this.#variables.get(name);
    if (variable?.section.startsWith('.rodata')) return variable;
    throw unknownName(
      'constant',
      name,
      this.rodata.map((known) => known.name),
    );
  }

  /** Not by libbpf, which refuses a pinned devmap because the kernel added a flag to it. Returns what to pin later. */
  #reusePinned(): [name: string, path: string][] {
    const unpinned: [string, string][] = [];
    if (this.#pinnedMapDir === undefined) return unpinned;
    for (const { name, internal } of this.maps) {
      if (internal || this.#reused.has(name)) continue;
      const path = join(this.#pinnedMapDir, name);
      if (!existsSync(path)) {
        unpinned.push([name, path]);
        continue;
      }
      const pinned = BpfMap.openPinned(path);
      try {
        this.#reuse(name, pinned);
      } finally {
        pinned.close(); // libbpf keeps a descriptor of its own
      }
    }
    return unpinned;
  }

  #reuse(name: string, map: BpfMap): void {
    const wanted = this.maps.find((own) => own.name === this.#knownMap(name));
    const difference = wanted === undefined ? undefined : shapeDifference(wanted, map.info);
    if (difference !== undefined) {
      throw new BpfError({
        code: 'shape',
        operation: 'reuse map',
        object: name,
        summary: `the existing map '${name}' has ${difference}`,
      });
    }
    this.#check(this.#native.reuseMap(name, map.fd), 'reuse map', name);
    this.#reused.add(name);
  }

  #knownMap(name: string): string {
    if (this.#mapNames.includes(name)) return name;
    throw unknownName('map', name, [...new Set(this.#mapNames)]);
  }

  #knownProgram(name: string): string {
    if (this.#programNames.includes(name)) return name;
    throw unknownName('program', name, this.#programNames);
  }

  #handle(handle: Handle | number, what: string, name: string): Handle {
    if (typeof handle === 'number') {
      throw new BpfError({ code: 'not-loaded', operation: `use ${what}`, object: name, summary: 'it is not loaded' });
    }
    return handle;
  }

  #check(result: number, operation: string, object: string): void {
    if (result < 0) throw errnoError(-result, operation, object);
  }
}

function shapeDifference(wanted: MapDescription, found: MapInfo): string | undefined {
  // The kernel itself makes device maps read-only for programs.
  const flags = (all: number) => all & ~MapFlag.readOnlyProgram;
  if (found.type !== wanted.type) return `type ${found.type} instead of ${wanted.type}`;
  if (found.keySize !== wanted.keySize) return `keys of ${found.keySize} bytes instead of ${wanted.keySize}`;
  if (found.valueSize !== wanted.valueSize) return `values of ${found.valueSize} bytes instead of ${wanted.valueSize}`;
  // The number of entries is the existing map's business: programs only check bounds that the kernel knows.
  if (flags(found.flags) !== flags(wanted.flags)) return `flags ${found.flags} instead of ${wanted.flags}`;
  return undefined;
}

async function readObject(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
    throw new BpfError({ code, operation: 'open', object: path });
  }
}
