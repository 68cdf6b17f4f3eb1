// SPDX-License-Identifier: Apache-2.0
// Which members decoded answers can have, for those who name some and want to know whether they exist.
import { type AttributeCodec, type AttributeSet, Kind, type Spec, type StructCodec } from './codec.js';

/** A place in a message: one of several layouts where another attribute decides. */
interface Layouts {
  readonly sets: readonly AttributeSet[];
  readonly structs: readonly StructCodec[];
  /** Members that are in no table. */
  readonly names: readonly string[];
}

/**
 * Members at a path of member names in the answers of an operation; the elements of a list are not told apart from it. Undefined
 * where the path does not lead to something that has members.
 */
export function answerMembers(spec: Spec, operation: string, path: readonly string[]): readonly string[] | undefined {
  const found = spec.operations.get(operation);
  const layout = found?.reply ?? found?.request;
  if (layout === undefined) return undefined;
  let at: Layouts = {
    sets: [layout.attributes],
    structs: layout.header === undefined ? [] : [layout.header],
    names: [],
  };
  for (const name of path) at = joined([...inSets(at.sets, name), ...inStructs(at.structs, name)]);
  const names = [
    ...at.sets.flatMap((set) => [...set.byName.keys()]),
    ...at.structs.flatMap(({ members }) => members.filter(({ kind }) => kind !== Kind.pad).map((each) => each.name)),
    ...at.names,
  ];
  return names.length === 0 ? undefined : [...new Set(names)];
}

const nothing: Layouts = { sets: [], structs: [], names: [] };

function joined(layouts: readonly Layouts[]): Layouts {
  return {
    sets: layouts.flatMap(({ sets }) => sets),
    structs: layouts.flatMap(({ structs }) => structs),
    names: layouts.flatMap(({ names }) => names),
  };
}

function inSets(sets: readonly AttributeSet[], name: string): readonly Layouts[] {
  return sets.flatMap((set) => {
    const codec = set.byName.get(name);
    return codec === undefined ? [] : [inside(codec)];
  });
}

function inStructs(structs: readonly StructCodec[], name: string): readonly Layouts[] {
  return structs.flatMap(({ members }) => {
    const struct = members.find((member) => member.name === name)?.struct;
    return struct === undefined ? [] : [{ ...nothing, structs: [struct] }];
  });
}

function inside(codec: AttributeCodec): Layouts {
  const { kind, nested, element, struct, formats } = codec;
  if (kind === Kind.bitfield32) return { ...nothing, names: ['value', 'selector'] };
  return joined([
    { ...nothing, sets: nested === undefined ? [] : [nested], structs: struct === undefined ? [] : [struct] },
    ...(element === undefined ? [] : [inside(element)]),
    ...[...(formats?.values() ?? [])].map(({ attributes, header }) => ({
      ...nothing,
      sets: attributes === undefined ? [] : [attributes],
      structs: header === undefined ? [] : [header],
    })),
  ]);
}
