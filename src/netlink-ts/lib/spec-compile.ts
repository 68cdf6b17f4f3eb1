// SPDX-License-Identifier: Apache-2.0
// Compiles a spec document into codec tables, resolving and checking every reference in it.
import {
  type AttributeCodec,
  type AttributeSet,
  type EnumTable,
  Kind,
  type KindNumber,
  type Spec,
  type StructCodec,
  type StructMember,
  type SubMessageFormat,
} from './codec.js';
import { hostLittleEndian } from './framing.js';
import {
  type AttributeDocument,
  type AttributeSetDocument,
  type Complain,
  checkSpecDocument,
  type DefinitionDocument,
  type SpecDocument,
  type SpecPath,
} from './spec-document.js';
import { compileOperations } from './spec-operations.js';

const genericNetlinkProtocol = 16;

/** kebab-case of the schema → snake_case of messages. A few names in the kernel's specs have spaces. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[- ]/g, '_');
}

interface ScalarType {
  readonly kind: KindNumber;
  readonly size: number;
  readonly bigEndian?: true;
}

const scalarTypes: ReadonlyMap<string, ScalarType> = new Map<string, ScalarType>([
  ['u8', { kind: Kind.u8, size: 1 }],
  ['u16', { kind: Kind.u16, size: 2 }],
  ['u32', { kind: Kind.u32, size: 4 }],
  ['u64', { kind: Kind.u64, size: 8 }],
  ['s8', { kind: Kind.s8, size: 1 }],
  ['s16', { kind: Kind.s16, size: 2 }],
  ['s32', { kind: Kind.s32, size: 4 }],
  ['s64', { kind: Kind.s64, size: 8 }],
  ['be16', { kind: Kind.u16, size: 2, bigEndian: true }],
  ['be32', { kind: Kind.u32, size: 4, bigEndian: true }],
  ['be64', { kind: Kind.u64, size: 8, bigEndian: true }],
]);

const hintKinds: ReadonlyMap<string, KindNumber> = new Map<string, KindNumber>([
  ['mac', Kind.mac],
  ['ipv4', Kind.ipv4],
  ['ipv6', Kind.ipv6],
  ['ipv4-or-v6', Kind.ip],
]);

function isLittleEndian(order: string | undefined, scalar: ScalarType | undefined): boolean {
  if (order !== undefined) return order === 'little-endian';
  return scalar?.bigEndian === true ? false : hostLittleEndian;
}

// While sets refer to each other their tables are still being filled.
interface OpenSet {
  readonly name: string;
  readonly byType: (AttributeCodec | undefined)[];
  readonly byName: Map<string, AttributeCodec>;
  readonly keepUnknown: boolean;
  readonly shapes: AttributeSet['shapes'];
}

class Compiler {
  readonly enums = new Map<string, EnumTable>();
  readonly constants = new Map<string, number>();
  readonly structs = new Map<string, StructCodec>();
  readonly sets = new Map<string, OpenSet>();
  readonly subMessages = new Map<string, Map<string, SubMessageFormat>>();
  private readonly building = new Set<string>();

  constructor(
    private readonly document: SpecDocument,
    private readonly complain: Complain,
  ) {}

  private unique(map: ReadonlyMap<string, unknown>, name: string, path: SpecPath): void {
    if (map.has(name)) this.complain([...path, 'name'], `"${name}" is defined twice`);
  }

  definitions(): void {
    const definitions = this.document.definitions ?? [];
    definitions.forEach((definition, index) => {
      const path = ['definitions', index];
      if (definition.type === 'const') this.constants.set(definition.name, Number(definition.value));
      else if (definition.type !== 'struct') {
        this.unique(this.enums, definition.name, path);
        this.enums.set(definition.name, this.enumTable(definition, path));
      }
    });
    definitions.forEach((definition, index) => {
      if (definition.type === 'struct') this.struct(definition.name, ['definitions', index, 'name']);
    });
  }

  private enumTable(definition: DefinitionDocument, path: SpecPath): EnumTable {
    const flags = definition.type === 'flags';
    const byName = new Map<string, number>();
    const byValue = new Map<number, string>();
    let next = definition['value-start'] ?? 0;
    (definition.entries ?? []).forEach((entry, index) => {
      const name = typeof entry === 'string' ? entry : entry.name;
      const value = (typeof entry === 'string' ? undefined : entry.value) ?? next;
      next = value + 1;
      if (flags && value > 52) this.complain([...path, 'entries', index], `bit ${value} is out of range`);
      if (byName.has(name)) this.complain([...path, 'entries', index], `"${name}" is defined twice`);
      byName.set(name, flags ? 2 ** value : value);
      byValue.set(flags ? 2 ** value : value, name);
    });
    return { name: definition.name, flags, byName, byValue };
  }

  struct(name: string, from: SpecPath): StructCodec {
    const known = this.structs.get(name);
    if (known !== undefined) return known;
    const index = (this.document.definitions ?? []).findIndex((each) => each.type === 'struct' && each.name === name);
    const definition = this.document.definitions?.[index];
    if (definition === undefined) return this.complain(from, `no struct "${name}"`);
    if (this.building.has(name)) this.complain(from, `struct "${name}" contains itself`);
    this.building.add(name);
    const members: StructMember[] = [];
    let offset = 0;
    (definition.members ?? []).forEach((each, at) => {
      const path = ['definitions', index, 'members', at];
      const scalar = scalarTypes.get(each.type);
      const length = typeof each.len === 'string' ? this.constants.get(each.len) : each.len;
      const hint = hintKinds.get(each['display-hint'] ?? '');
      let kind: KindNumber;
      let size = length ?? 0;
      let inner: StructCodec | undefined;
      if (scalar !== undefined) {
        kind = hint === Kind.ipv4 && scalar.size === 4 ? Kind.ipv4 : scalar.kind;
        size = scalar.size;
      } else if (each.type === 'pad') kind = Kind.pad;
      else if (each.type === 'string') kind = Kind.string;
      else if (each.type === 'binary' && each.struct !== undefined) {
        kind = Kind.struct;
        inner = this.struct(each.struct, [...path, 'struct']);
        size = inner.size;
      } else if (each.type === 'binary') kind = hint ?? Kind.binary;
      else this.complain([...path, 'type'], `a struct cannot have a member of type "${each.type}"`);
      if (size === 0) this.complain(path, `member "${each.name}" needs a len`);
      this.checkEnum(each.enum, path);
      members.push({
        name: snakeCase(each.name),
        kind,
        offset,
        size,
        littleEndian: isLittleEndian(each['byte-order'], scalar),
        ...(inner === undefined ? {} : { struct: inner }),
      });
      offset += size;
    });
    this.building.delete(name);
    const codec: StructCodec = { name, size: offset, members };
    this.structs.set(name, codec);
    return codec;
  }

  private checkEnum(name: string | undefined, path: SpecPath): void {
    if (name !== undefined && !this.enums.has(name)) this.complain([...path, 'enum'], `no enum or flags "${name}"`);
  }

  attributeSets(): void {
    this.document['attribute-sets'].forEach((set, index) => {
      this.unique(this.sets, set.name, ['attribute-sets', index]);
      this.sets.set(set.name, { name: set.name, byType: [], byName: new Map(), keepUnknown: true, shapes: new Map() });
    });
    (this.document['sub-messages'] ?? []).forEach((each, index) => {
      this.unique(this.subMessages, each.name, ['sub-messages', index]);
      const formats = new Map<string, SubMessageFormat>();
      each.formats.forEach((format, at) => {
        const path = ['sub-messages', index, 'formats', at];
        const header = format['fixed-header'];
        const set = format['attribute-set'];
        formats.set(format.value, {
          ...(header === undefined ? {} : { header: this.struct(header, [...path, 'fixed-header']) }),
          ...(set === undefined ? {} : { attributes: this.set(set, [...path, 'attribute-set']) }),
        });
      });
      this.subMessages.set(each.name, formats);
    });
    // Sets of their own before the subsets that take attributes from them.
    for (const subset of [false, true]) {
      this.document['attribute-sets'].forEach((set, index) => {
        if ((set['subset-of'] !== undefined) === subset) this.fillSet(set, ['attribute-sets', index]);
      });
    }
    this.document['attribute-sets'].forEach((set, index) => {
      this.checkSelectors(set, ['attribute-sets', index]);
    });
  }

  set(name: string, path: SpecPath): AttributeSet {
    return this.sets.get(name) ?? this.complain(path, `no attribute set "${name}"`);
  }

  private fillSet(document: AttributeSetDocument, path: SpecPath): void {
    const open = this.sets.get(document.name);
    if (open === undefined) return;
    const parent =
      document['subset-of'] === undefined ? undefined : this.set(document['subset-of'], [...path, 'subset-of']);
    let next = 1;
    document.attributes.forEach((attribute, index) => {
      const at = [...path, 'attributes', index];
      const inherited = parent?.byName.get(snakeCase(attribute.name));
      if (parent !== undefined && inherited === undefined) {
        this.complain(at, `"${attribute.name}" is not in "${parent.name}"`);
      }
      const type = inherited?.type ?? attribute.value ?? next;
      next = type + 1;
      if (type > 0x3fff) this.complain(at, `attribute type ${type} is out of range`);
      // An attribute that is only named for its number stays undescribed.
      if (attribute.type === 'unused') return;
      const codec = inherited ?? this.attribute(attribute, type, at);
      // Some subsets in the kernel's specs name an attribute twice.
      if (inherited !== undefined && open.byType[type] === inherited) return;
      if (open.byName.has(codec.name)) this.complain([...at, 'name'], `"${attribute.name}" is defined twice`);
      if (open.byType[type] !== undefined) this.complain(at, `attribute type ${type} is defined twice`);
      open.byName.set(codec.name, codec);
      open.byType[type] = codec;
    });
  }

  private attribute(document: AttributeDocument, type: number, path: SpecPath): AttributeCodec {
    this.checkEnum(document.enum, path);
    const declared = document.type ?? this.complain(path, `attribute "${document.name}" needs a type`);
    const scalar = scalarTypes.get(declared);
    const base = {
      name: snakeCase(document.name),
      type,
      multi: document['multi-attr'] ?? false,
      littleEndian: isLittleEndian(document['byte-order'], scalar),
    };
    const hint = hintKinds.get(document['display-hint'] ?? '');
    if (scalar !== undefined) {
      return { ...base, kind: hint === Kind.ipv4 && scalar.size === 4 ? Kind.ipv4 : scalar.kind };
    }
    switch (declared) {
      case 'uint':
        return { ...base, kind: Kind.uint };
      case 'sint':
        return { ...base, kind: Kind.sint };
      case 'flag':
        return { ...base, kind: Kind.flag };
      case 'pad':
        return { ...base, kind: Kind.pad };
      case 'string':
        return { ...base, kind: Kind.string };
      case 'bitfield32':
        return { ...base, kind: Kind.bitfield32 };
      // Nested attribute types that carry values of their own: kept as bytes.
      case 'nest-type-value':
        return { ...base, kind: Kind.binary };
      case 'binary':
        if (document.struct !== undefined) {
          return { ...base, kind: Kind.struct, struct: this.struct(document.struct, [...path, 'struct']) };
        }
        if (document['sub-type'] !== undefined) {
          return { ...base, kind: Kind.scalars, element: this.element(document, path) };
        }
        return { ...base, kind: hint ?? Kind.binary };
      case 'nest':
        return { ...base, kind: Kind.nest, nested: this.nested(document, path) };
      case 'indexed-array':
        return { ...base, kind: Kind.indexedArray, element: this.element(document, path) };
      case 'sub-message':
        return { ...base, kind: Kind.subMessage, ...this.subMessage(document, path) };
      default:
        return this.complain([...path, 'type'], `unknown type "${declared}"`);
    }
  }

  private nested(document: AttributeDocument, path: SpecPath): AttributeSet {
    const name = document['nested-attributes'] ?? this.complain(path, `"${document.name}" needs nested-attributes`);
    return this.set(name, [...path, 'nested-attributes']);
  }

  private element(document: AttributeDocument, path: SpecPath): AttributeCodec {
    const subType = document['sub-type'] ?? this.complain(path, `"${document.name}" needs a sub-type`);
    const scalarsOnly = document.type === 'binary';
    if (scalarsOnly && !scalarTypes.has(subType)) {
      this.complain([...path, 'sub-type'], `"${subType}" has no fixed size`);
    }
    const { 'sub-type': _, 'multi-attr': __, ...shared } = document;
    return this.attribute({ ...shared, type: subType }, 0, path);
  }

  private subMessage(document: AttributeDocument, path: SpecPath): Pick<AttributeCodec, 'formats' | 'selector'> {
    const name = document['sub-message'] ?? this.complain(path, `"${document.name}" needs a sub-message`);
    const formats = this.subMessages.get(name) ?? this.complain([...path, 'sub-message'], `no sub-message "${name}"`);
    const selector = document.selector ?? this.complain(path, `"${document.name}" needs a selector`);
    return { formats: this.withNumbers(formats, selector), selector: snakeCase(selector) };
  }

  // Formats are chosen by name, but an enum decodes to its number.
  private withNumbers(formats: ReadonlyMap<string, SubMessageFormat>, selector: string): Map<string, SubMessageFormat> {
    const all = new Map(formats);
    for (const set of this.document['attribute-sets']) {
      for (const attribute of set.attributes) {
        if (attribute.name !== selector || attribute.enum === undefined) continue;
        for (const [name, value] of this.enums.get(attribute.enum)?.byName ?? []) {
          const format = formats.get(name);
          if (format !== undefined) all.set(String(value), format);
        }
      }
    }
    return all;
  }

  // A selector is an attribute of the same set, or of one around it, which only the message can tell.
  private checkSelectors(document: AttributeSetDocument, path: SpecPath): void {
    const names = new Set([...this.sets.values()].flatMap((set) => [...set.byName.keys()]));
    const headers = new Set([...this.structs.values()].flatMap((each) => each.members.map((member) => member.name)));
    document.attributes.forEach((attribute, index) => {
      const selector = attribute.selector === undefined ? undefined : snakeCase(attribute.selector);
      if (selector !== undefined && !names.has(selector) && !headers.has(selector)) {
        this.complain([...path, 'attributes', index, 'selector'], `no attribute "${attribute.selector}"`);
      }
    });
  }
}

/** Compiles `value`, the content of a spec file. `complain` gets the first thing that is wrong. */
export function compileSpec(value: unknown, complain: Complain): Spec {
  const document = checkSpecDocument(value, complain);
  const generic = (document.protocol ?? 'genetlink') !== 'netlink-raw';
  if (!generic && document.protonum === undefined) complain([], 'protocol netlink-raw needs a protonum');
  const compiler = new Compiler(document, complain);
  compiler.definitions();
  compiler.attributeSets();
  const { operations, incoming, outgoing } = compileOperations(document, compiler, complain);
  const groups = new Map<string, number | undefined>();
  for (const group of document['mcast-groups']?.list ?? []) groups.set(group.name, generic ? undefined : group.value);
  return {
    name: document.name,
    generic,
    protocol: generic ? genericNetlinkProtocol : (document.protonum ?? 0),
    version: document.version ?? 1,
    operations,
    incoming,
    outgoing,
    groups,
    enums: compiler.enums,
    attributeSets: compiler.sets,
    structs: compiler.structs,
  };
}
