// SPDX-License-Identifier: Apache-2.0
// Attribute sets that decode only what is asked for: attributes by name, and by a path of names inside nests.
import { type AttributeCodec, type AttributeSet, Kind, type Layout, type SubMessageFormat } from './codec.js';

/** Inner paths by attribute name; undefined for an attribute that is wanted whole. */
type Wanted = Map<string, string[] | undefined>;

const skipped = (codec: AttributeCodec): AttributeCodec => ({ ...codec, kind: Kind.skip, multi: false });

function group(only: readonly string[]): Wanted {
  const wanted: Wanted = new Map();
  for (const path of only) {
    const dot = path.indexOf('.');
    const name = dot < 0 ? path : path.slice(0, dot);
    const inner = wanted.get(name);
    if (dot < 0 || (wanted.has(name) && inner === undefined)) wanted.set(name, undefined);
    else wanted.set(name, [...(inner ?? []), path.slice(dot + 1)]);
  }
  return wanted;
}

/**
 * The same set decoding only the attributes named in `only`; what selects a sub-message comes with it. A path such as
 * `linkinfo.kind` asks for a part of a nest, or of each element of a list of nests.
 */
export function pruneSet(set: AttributeSet, only: readonly string[]): AttributeSet {
  return pruneWith(set, only, () => undefined);
}

/** `outer` is told the selectors that an enclosing set has to provide. */
function pruneWith(set: AttributeSet, only: readonly string[], outer: (selector: string) => void): AttributeSet {
  const wanted = group(only);
  const codecs = new Map<string, AttributeCodec>();
  const select = (selector: string): void => {
    if (set.byName.has(selector)) wanted.set(selector, undefined);
    else outer(selector);
  };
  for (const [name, inner] of [...wanted]) {
    const codec = set.byName.get(name);
    if (codec === undefined) continue;
    if (codec.selector !== undefined) select(codec.selector);
    if (inner !== undefined) codecs.set(name, pruneCodec(codec, inner, select));
  }
  return {
    name: set.name,
    byName: set.byName,
    keepUnknown: false,
    shapes: new Map(),
    byType: Array.from(set.byType, (codec) => {
      if (codec === undefined || !wanted.has(codec.name)) return codec && skipped(codec);
      return (wanted.get(codec.name) && codecs.get(codec.name)) ?? codec;
    }),
  };
}

function pruneCodec(codec: AttributeCodec, only: readonly string[], outer: (selector: string) => void): AttributeCodec {
  const { nested, element, formats } = codec;
  if (nested !== undefined) return { ...codec, nested: pruneWith(nested, only, outer) };
  if (element !== undefined) return { ...codec, element: pruneCodec(element, only, outer) };
  if (formats === undefined) return codec;
  const pruned = [...formats].map(([value, format]): [string, SubMessageFormat] => {
    const { attributes } = format;
    return [value, attributes === undefined ? format : { ...format, attributes: pruneWith(attributes, only, outer) }];
  });
  return { ...codec, formats: new Map(pruned) };
}

/** What was pruned for a list of names, so that asking again with the same list finds the decoder's templates warm. */
const known = new WeakMap<readonly string[], Map<AttributeSet, AttributeSet>>();

/** Pruned attribute sets, each built once per list of names. */
export function pruner(only: readonly string[] | undefined): (layout: Layout) => AttributeSet {
  if (only === undefined) return (layout) => layout.attributes;
  const sets = known.get(only) ?? new Map<AttributeSet, AttributeSet>();
  known.set(only, sets);
  return ({ attributes }) => {
    let set = sets.get(attributes);
    if (set === undefined) {
      set = pruneSet(attributes, only);
      sets.set(attributes, set);
    }
    return set;
  };
}
