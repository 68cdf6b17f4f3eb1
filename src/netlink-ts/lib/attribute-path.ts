// SPDX-License-Identifier: Apache-2.0
// Names the attribute that an extended ACK points at by its offset in the request.
import type { AttributeSet, Layout } from './codec.js';
import type { Acknowledgement } from './framing.js';

/** Where the encoder put an attribute. */
export interface Mark {
  /** Offset from the start of the message. */
  readonly start: number;
  readonly path: string;
  /** Attributes within it. */
  readonly attributes: AttributeSet | undefined;
}

/** Path of the attribute that `acknowledgement` complains about, e.g. `linkinfo.data`; undefined when it names none. */
export function attributePath(
  layout: Layout,
  headerStart: number,
  marks: readonly Mark[],
  acknowledgement: Acknowledgement,
): string | undefined {
  const { offset, missingType, missingNest } = acknowledgement;
  if (missingType !== undefined) {
    const nest = marks.find((mark) => mark.start === missingNest);
    const set = nest === undefined ? layout.attributes : nest.attributes;
    const name = set?.byType[missingType]?.name ?? String(missingType);
    return nest === undefined ? name : `${nest.path}.${name}`;
  }
  if (offset === undefined) return undefined;
  const inHeader = offset - headerStart;
  const member = layout.header?.members.find((each) => inHeader >= each.offset && inHeader < each.offset + each.size);
  return member?.name ?? marks.find((mark) => mark.start === offset)?.path;
}
