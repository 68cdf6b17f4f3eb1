// SPDX-License-Identifier: Apache-2.0
// Compiles the operations of a spec: which numbers requests, replies and notifications have, and their layouts.
import { type AttributeSet, type Layout, noAttributes, type Operation, type StructCodec } from './codec.js';
import type { Complain, OperationDocument, SpecDocument, SpecPath } from './spec-document.js';

/** What the operations refer to. */
export interface References {
  set(name: string, path: SpecPath): AttributeSet;
  struct(name: string, path: SpecPath): StructCodec;
}

export interface CompiledOperations {
  readonly operations: ReadonlyMap<string, Operation>;
  readonly incoming: ReadonlyMap<number, Layout>;
  readonly outgoing: ReadonlyMap<number, Layout>;
}

interface Numbers {
  readonly request: number;
  readonly reply: number | undefined;
}

// Requests and replies share one sequence of numbers (unified) or have one each (directional). A number follows the
// one before it unless it is given.
class Numbering {
  private nextRequest = 1;
  private nextReply = 1;

  constructor(private readonly directional: boolean) {}

  next(operation: OperationDocument): Numbers {
    const mode = operation.do ?? operation.dump;
    if (!this.directional) {
      const value = operation.value ?? mode?.request?.value ?? operation.event?.value ?? this.nextRequest;
      this.nextRequest = value + 1;
      return { request: value, reply: value };
    }
    if (mode === undefined) {
      const reply = operation.value ?? operation.event?.value ?? this.nextReply;
      this.nextReply = reply + 1;
      return { request: this.nextRequest, reply };
    }
    const request = mode.request?.value ?? operation.value ?? this.nextRequest;
    this.nextRequest = request + 1;
    const answered = operation.do?.reply ?? operation.dump?.reply;
    if (answered === undefined) return { request, reply: undefined };
    const reply = answered.value ?? this.nextReply;
    this.nextReply = reply + 1;
    return { request, reply };
  }
}

/** Compiles `document.operations`. */
export function compileOperations(
  document: SpecDocument,
  references: References,
  complain: Complain,
): CompiledOperations {
  const { list, 'enum-model': model, 'fixed-header': commonHeader } = document.operations;
  const operations = new Map<string, Operation>();
  const incoming = new Map<number, Layout>();
  const outgoing = new Map<number, Layout>();
  const numbering = new Numbering(model === 'directional');
  const notifications: Layout[] = [];

  list.forEach((operation, index) => {
    const path = ['operations', 'list', index];
    const numbers = numbering.next(operation);
    const source = operation.notify === undefined ? operation : list.find((each) => each.name === operation.notify);
    if (source === undefined) complain([...path, 'notify'], `no operation "${operation.notify}"`);
    const headerName = operation['fixed-header'] ?? source['fixed-header'] ?? commonHeader;
    const setName = operation['attribute-set'] ?? source['attribute-set'];
    const shared = {
      operation: operation.name,
      attributes: setName === undefined ? noAttributes : references.set(setName, [...path, 'attribute-set']),
      ...(headerName === undefined ? {} : { header: references.struct(headerName, [...path, 'fixed-header']) }),
    };
    const reply: Layout | undefined = numbers.reply === undefined ? undefined : { ...shared, value: numbers.reply };
    if (operation.do === undefined && operation.dump === undefined) {
      if (reply !== undefined) notifications.push(reply);
      return;
    }
    if (operations.has(operation.name)) complain([...path, 'name'], `"${operation.name}" is defined twice`);
    const request: Layout = { ...shared, value: numbers.request };
    const modes = new Set<'do' | 'dump'>();
    if (operation.do !== undefined) modes.add('do');
    if (operation.dump !== undefined) modes.add('dump');
    operations.set(operation.name, { name: operation.name, request, modes, ...(reply === undefined ? {} : { reply }) });
    outgoing.set(request.value, request);
    if (reply !== undefined && !incoming.has(reply.value)) incoming.set(reply.value, reply);
  });
  // A notification that shares its number with a reply names what came on a subscription better than the reply does.
  for (const layout of notifications) incoming.set(layout.value, layout);
  return { operations, incoming, outgoing };
}
