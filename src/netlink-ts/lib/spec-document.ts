// SPDX-License-Identifier: Apache-2.0
// A spec as data: the part of the kernel's YNL schema that this package understands, and the check that a value of
// unknown origin has that shape.

export interface EntryDocument {
  readonly name: string;
  readonly value?: number;
}

export interface MemberDocument {
  readonly name: string;
  readonly type: string;
  readonly len?: number | string;
  readonly 'byte-order'?: string;
  readonly 'display-hint'?: string;
  readonly enum?: string;
  readonly struct?: string;
}

export interface DefinitionDocument {
  readonly name: string;
  readonly type: string;
  readonly value?: number | string;
  readonly 'value-start'?: number;
  readonly entries?: readonly (string | EntryDocument)[];
  readonly members?: readonly MemberDocument[];
}

export interface AttributeDocument {
  readonly name: string;
  readonly type?: string;
  readonly value?: number;
  readonly enum?: string;
  readonly struct?: string;
  readonly selector?: string;
  readonly 'multi-attr'?: boolean;
  readonly 'byte-order'?: string;
  readonly 'display-hint'?: string;
  readonly 'nested-attributes'?: string;
  readonly 'sub-type'?: string;
  readonly 'sub-message'?: string;
}

export interface AttributeSetDocument {
  readonly name: string;
  readonly 'subset-of'?: string;
  readonly attributes: readonly AttributeDocument[];
}

export interface FormatDocument {
  readonly value: string;
  readonly 'attribute-set'?: string;
  readonly 'fixed-header'?: string;
}

export interface SubMessageDocument {
  readonly name: string;
  readonly formats: readonly FormatDocument[];
}

export interface HalfDocument {
  readonly value?: number;
}

export interface ModeDocument {
  readonly request?: HalfDocument;
  readonly reply?: HalfDocument;
}

export interface OperationDocument {
  readonly name: string;
  readonly value?: number;
  readonly 'attribute-set'?: string;
  readonly 'fixed-header'?: string;
  readonly do?: ModeDocument;
  readonly dump?: ModeDocument;
  readonly notify?: string;
  readonly event?: HalfDocument;
}

export interface GroupDocument {
  readonly name: string;
  readonly value?: number;
}

export interface SpecDocument {
  readonly name: string;
  readonly protocol?: string;
  readonly protonum?: number;
  readonly version?: number;
  readonly definitions?: readonly DefinitionDocument[];
  readonly 'attribute-sets': readonly AttributeSetDocument[];
  readonly 'sub-messages'?: readonly SubMessageDocument[];
  readonly operations: {
    readonly 'enum-model'?: string;
    readonly 'fixed-header'?: string;
    readonly list: readonly OperationDocument[];
  };
  readonly 'mcast-groups'?: { readonly list: readonly GroupDocument[] };
}

/** Keys and list indexes from the root of the document to a value. */
export type SpecPath = readonly (string | number)[];

/** Called with what is wrong and where; must throw. */
export type Complain = (path: SpecPath, message: string) => never;

type Shape =
  | 'name'
  | 'definition-name'
  | 'string'
  | 'number'
  | 'boolean'
  | 'number-or-string'
  | 'anything'
  | { readonly oneOf: readonly string[] }
  | { readonly listOf: Shape }
  | { readonly entryOr: Shape }
  | { readonly keys: Readonly<Record<string, Shape>>; readonly needs: readonly string[] };

// Names become keys of messages; what begins with an underscore is not theirs to take.
const namePattern = /^[A-Za-z0-9][A-Za-z0-9_ -]*$/;
// Definitions are only referred to, so those of the kernel's own structs may begin with dashes.
const definitionPattern = /^[A-Za-z0-9-][A-Za-z0-9_ -]*$/;
const byteOrder: Shape = { oneOf: ['big-endian', 'little-endian'] };
const displayHint: Shape = { oneOf: ['hex', 'mac', 'fddi', 'ipv4', 'ipv6', 'ipv4-or-v6', 'uuid'] };

const entry: Shape = { keys: { name: 'string', value: 'number', doc: 'string' }, needs: ['name'] };

const member: Shape = {
  keys: {
    name: 'name',
    type: 'string',
    len: 'number-or-string',
    'byte-order': byteOrder,
    'display-hint': displayHint,
    enum: 'string',
    'enum-as-flags': 'boolean',
    struct: 'string',
    doc: 'string',
  },
  needs: ['name', 'type'],
};

const definition: Shape = {
  keys: {
    name: 'definition-name',
    type: { oneOf: ['const', 'enum', 'flags', 'struct'] },
    value: 'number-or-string',
    'value-start': 'number',
    entries: { listOf: { entryOr: entry } },
    members: { listOf: member },
    doc: 'string',
    header: 'string',
    scope: 'string',
    'enum-name': 'anything',
    'enum-cnt-name': 'anything',
    'name-prefix': 'anything',
    'render-max': 'boolean',
  },
  needs: ['name', 'type'],
};

const attribute: Shape = {
  keys: {
    name: 'name',
    type: 'string',
    value: 'number',
    enum: 'string',
    'enum-as-flags': 'boolean',
    struct: 'string',
    selector: 'string',
    'multi-attr': 'boolean',
    'byte-order': byteOrder,
    'display-hint': displayHint,
    'nested-attributes': 'string',
    'sub-type': 'string',
    'sub-message': 'string',
    'type-value': 'anything',
    len: 'anything',
    checks: 'anything',
    doc: 'string',
    'name-prefix': 'anything',
  },
  needs: ['name'],
};

const half: Shape = { keys: { value: 'number', attributes: 'anything' }, needs: [] };

const mode: Shape = {
  keys: { request: half, reply: half, pre: 'anything', post: 'anything' },
  needs: [],
};

const operation: Shape = {
  keys: {
    name: 'name',
    value: 'number',
    'attribute-set': 'string',
    'fixed-header': 'string',
    do: mode,
    dump: mode,
    notify: 'string',
    event: half,
    mcgrp: 'string',
    doc: 'string',
    flags: 'anything',
    'dont-validate': 'anything',
    'config-cond': 'anything',
  },
  needs: ['name'],
};

const specShape: Shape = {
  keys: {
    name: 'name',
    protocol: { oneOf: ['genetlink', 'genetlink-c', 'genetlink-legacy', 'netlink-raw'] },
    protonum: 'number',
    version: 'number',
    definitions: { listOf: definition },
    'attribute-sets': {
      listOf: {
        keys: {
          name: 'name',
          'subset-of': 'string',
          attributes: { listOf: attribute },
          doc: 'string',
          'name-prefix': 'anything',
          'enum-name': 'anything',
          'attr-cnt-name': 'anything',
          'attr-max-name': 'anything',
          header: 'anything',
        },
        needs: ['name', 'attributes'],
      },
    },
    'sub-messages': {
      listOf: {
        keys: {
          name: 'name',
          formats: {
            listOf: {
              keys: { value: 'string', 'attribute-set': 'string', 'fixed-header': 'string' },
              needs: ['value'],
            },
          },
        },
        needs: ['name', 'formats'],
      },
    },
    operations: {
      keys: {
        'enum-model': { oneOf: ['unified', 'directional'] },
        'fixed-header': 'string',
        list: { listOf: operation },
        'name-prefix': 'anything',
        'async-prefix': 'anything',
        'async-enum': 'anything',
        'enum-name': 'anything',
        'attribute-set': 'anything',
      },
      needs: ['list'],
    },
    'mcast-groups': {
      keys: {
        list: {
          listOf: {
            keys: { name: 'name', value: 'number', 'c-define-name': 'string', flags: 'anything' },
            needs: ['name'],
          },
        },
      },
      needs: ['list'],
    },
    doc: 'string',
    'uapi-header': 'string',
    'kernel-policy': 'anything',
    'kernel-family': 'anything',
    'c-family-name': 'anything',
    'c-version-name': 'anything',
    'max-by-define': 'anything',
    'cmd-max-name': 'anything',
    'cmd-cnt-name': 'anything',
  },
  needs: ['name', 'attribute-sets', 'operations'],
};

function describe(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a mapping' : `${typeof value} ${JSON.stringify(value)}`;
}

function checkShape(value: unknown, shape: Shape, path: SpecPath, complain: Complain): void {
  if (shape === 'anything') return;
  if (shape === 'name' || shape === 'definition-name') {
    const pattern = shape === 'name' ? namePattern : definitionPattern;
    if (typeof value !== 'string') complain(path, `expected a name, found ${describe(value)}`);
    if (!pattern.test(String(value))) complain(path, `"${String(value)}" is not a name`);
    return;
  }
  if (shape === 'number-or-string') {
    if (typeof value !== 'number' && typeof value !== 'string')
      complain(path, `expected a number or a name, found ${describe(value)}`);
    return;
  }
  if (typeof shape === 'string') {
    if (typeof value !== shape) complain(path, `expected a ${shape}, found ${describe(value)}`);
    if (typeof value === 'number' && (!Number.isSafeInteger(value) || value < 0))
      complain(path, 'expected a whole number from 0');
    return;
  }
  if ('oneOf' in shape) {
    if (typeof value !== 'string' || !shape.oneOf.includes(value)) {
      complain(path, `expected one of ${shape.oneOf.join(', ')}, found ${describe(value)}`);
    }
    return;
  }
  if ('entryOr' in shape) {
    if (typeof value === 'string') return;
    checkShape(value, shape.entryOr, path, complain);
    return;
  }
  if ('listOf' in shape) {
    if (!Array.isArray(value)) complain(path, `expected a list, found ${describe(value)}`);
    (value as readonly unknown[]).forEach((item, index) => {
      checkShape(item, shape.listOf, [...path, index], complain);
    });
    return;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    complain(path, `expected a mapping, found ${describe(value)}`);
  }
  for (const key of shape.needs) {
    if (!Object.hasOwn(value as object, key)) complain(path, `"${key}" is missing`);
  }
  for (const [key, item] of Object.entries(value as object)) {
    const inner = Object.hasOwn(shape.keys, key) ? shape.keys[key] : undefined;
    if (inner === undefined) complain([...path, key], `unknown key "${key}"`);
    else checkShape(item, inner, [...path, key], complain);
  }
}

/** Checks that `value` has the shape of a spec; references between its parts are checked by the compiler. */
export function checkSpecDocument(value: unknown, complain: Complain): SpecDocument {
  checkShape(value, specShape, [], complain);
  return value as SpecDocument;
}
