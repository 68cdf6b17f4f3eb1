// SPDX-License-Identifier: Apache-2.0
// Templates for decoded messages. Adding some fifty properties one by one to an empty object turns it into a hash
// table; cloning a template that has them already is several times cheaper. Which properties a message has follows
// from the sequence of its attribute types, so templates are found by walking a tree of such sequences.
import { type AttributeSet, Kind, type StructCodec, type Value } from './codec.js';

/** A message while it is decoded. */
export type Draft = { [name: string]: Value | undefined };

/** A sequence of attribute types: that of its parent and one more. */
export class ShapeNode {
  // Most messages look like the one before: the last step taken is tried first.
  private lastType = -1;
  private lastNode: ShapeNode | undefined;
  private readonly others = new Map<number, ShapeNode>();
  private visits = 0;
  private template: Draft | undefined;

  constructor(
    private readonly tree: ShapeTree,
    private readonly parent: ShapeNode | undefined,
    private readonly type: number,
  ) {}

  /** The sequence with `type` appended; undefined when the tree is full. */
  step(type: number): ShapeNode | undefined {
    if (type === this.lastType) return this.lastNode;
    let node = this.others.get(type);
    if (node === undefined) {
      node = this.tree.grow(this, type);
      if (node === undefined) return undefined;
      this.others.set(type, node);
    }
    this.lastType = type;
    this.lastNode = node;
    return node;
  }

  /** An object for a message of this sequence; every property in it is going to be overwritten. */
  draft(): Draft {
    if (this.template !== undefined) return { ...this.template };
    this.visits += 1;
    if (this.visits >= visitsUntilTemplate) this.template = this.tree.template(this.sequence());
    return {};
  }

  private sequence(): number[] {
    const types: number[] = [];
    for (let node: ShapeNode = this; node.parent !== undefined; node = node.parent) types.push(node.type);
    return types.reverse();
  }
}

const visitsUntilTemplate = 3;
// Bounds what hostile bytes can make it remember.
const maxNodes = 4096;

const placeholders = new Map<number, Value | null>([
  [Kind.string, ''],
  [Kind.mac, ''],
  [Kind.flag, true],
  [Kind.binary, null],
  [Kind.struct, null],
  [Kind.nest, null],
]);
for (let kind: number = Kind.u8; kind <= Kind.s64; kind++) placeholders.set(kind, 0);

/** The sequences seen of one attribute set behind one fixed header. */
export class ShapeTree {
  readonly root: ShapeNode = new ShapeNode(this, undefined, 0);
  private nodes = 0;

  constructor(
    private readonly set: AttributeSet,
    private readonly header: StructCodec | undefined,
  ) {}

  grow(parent: ShapeNode, type: number): ShapeNode | undefined {
    this.nodes += 1;
    return this.nodes > maxNodes ? undefined : new ShapeNode(this, parent, type);
  }

  // Only what is certain to be decoded into the message: whether other kinds are depends on more than the type.
  template(types: readonly number[]): Draft {
    const entries = new Map<string, Value | null>();
    for (const member of this.header?.members ?? []) {
      if (member.kind !== Kind.pad) entries.set(member.name, placeholders.get(member.kind) ?? null);
    }
    for (const type of types) {
      const codec = this.set.byType[type];
      if (codec === undefined) continue;
      const placeholder = placeholders.get(codec.kind);
      if (placeholder !== undefined) entries.set(codec.name, codec.multi ? null : placeholder);
    }
    // Objects that come from a parser are laid out as if they had been written as a literal.
    return JSON.parse(JSON.stringify(Object.fromEntries(entries))) as Draft;
  }
}
