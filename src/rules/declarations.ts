// SPDX-License-Identifier: Apache-2.0
// Everything that the rule files name, across all files, and the errors found on the way.

import { nearest } from '../model/nearest.js';
import { celReservedNames } from './cel.js';
import type { Attach, Dependency, ObjectType, RuleFile, Service, Source } from './generated/rule-file.js';
import type { RuleErrorCode, RuleFinding } from './rule-error.js';
import type { CheckedDocument } from './schema-check.js';
import type { LocatedDocument, Path } from './yaml-document.js';

/** A place in a file; errors are reported against it. */
export class Site {
  constructor(
    readonly document: LocatedDocument,
    readonly path: Path,
    readonly errors: RuleFinding[],
  ) {}

  at(...steps: Path): Site {
    return new Site(this.document, [...this.path, ...steps], this.errors);
  }

  /** Reports an error at the value. */
  report(code: RuleErrorCode, message: string, suggestion?: string): undefined {
    return this.#add(this.document.position(this.path), code, message, suggestion);
  }

  /** Reports an error at the key of the last step. */
  reportKey(code: RuleErrorCode, message: string, suggestion?: string): undefined {
    return this.#add(this.document.keyPosition(this.path), code, message, suggestion);
  }

  #add(
    position: { readonly file: string; readonly line: number; readonly column: number },
    code: RuleErrorCode,
    message: string,
    suggestion: string | undefined,
  ): undefined {
    this.errors.push({ ...position, code, message, ...(suggestion === undefined ? {} : { suggestion }) });
    return undefined;
  }
}

/** One named thing. `value` has the shape of its type only where `usable`. */
export interface Declared<T> {
  readonly name: string;
  readonly site: Site;
  readonly value: T;
  readonly usable: boolean;
}

/** A kind of named things; names are shared by all files. */
export class Names<T> {
  readonly #entries = new Map<string, Declared<T>>();

  constructor(
    /** How people call one: "object type". */
    readonly kind: string,
    /** Set when a file could not be read: then a missing name is no news. */
    readonly incomplete: boolean,
  ) {}

  add(entry: Declared<T>): void {
    const earlier = this.#entries.get(entry.name);
    if (earlier === undefined) {
      this.#entries.set(entry.name, entry);
      return;
    }
    const { file, line, column } = earlier.site.document.keyPosition(earlier.site.path);
    entry.site.reportKey(
      'duplicate-name',
      `${this.kind} "${entry.name}" is already declared at ${file}:${line}:${column}`,
    );
  }

  names(): Iterable<string> {
    return this.#entries.keys();
  }

  /** The usable entries, in the order of the files. */
  *usable(): Generator<Declared<T>> {
    for (const entry of this.#entries.values()) if (entry.usable) yield entry;
  }

  /** The entry that a reference names. Reports an unknown name; an unusable entry has been reported already. */
  resolve(name: string, site: Site, onKey = false): Declared<T> | undefined {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry.usable ? entry : undefined;
    if (this.incomplete) return undefined;
    const message = `unknown ${this.kind} "${name}"`;
    const suggestion = nearest(name, this.#entries.keys());
    return onKey
      ? site.reportKey('unknown-name', message, suggestion)
      : site.report('unknown-name', message, suggestion);
  }
}

/** All declarations of a rule set. */
export interface Declarations {
  readonly sources: Names<Source>;
  readonly objects: Names<ObjectType>;
  readonly dependencies: Names<Dependency>;
  readonly attach: Names<Attach>;
  readonly services: Names<Service>;
}

export interface RuleDocument extends CheckedDocument {
  readonly document: LocatedDocument;
}

export function collectDeclarations(
  documents: readonly RuleDocument[],
  incomplete: boolean,
  errors: RuleFinding[],
): Declarations {
  const all: Declarations = {
    sources: new Names('source', incomplete),
    objects: new Names('object type', incomplete),
    dependencies: new Names('dependency', incomplete),
    attach: new Names('attach rule for', incomplete),
    services: new Names('service', incomplete),
  };
  const subsystems = new Names<string>('subsystem', incomplete);
  for (const { document, rules, unusable } of documents) {
    const site = new Site(document, [], errors);
    const subsystem = isText(member(rules, 'subsystem')) ? rules.subsystem : '';
    if (subsystem !== '') {
      subsystems.add({ name: subsystem, site: site.at('subsystem'), value: subsystem, usable: true });
    }
    const addAll = <T>(section: keyof RuleFile & string, names: Names<T>): void => {
      const entries = member(rules, section);
      if (typeof entries !== 'object' || entries === null || Array.isArray(entries)) return;
      for (const [name, value] of Object.entries(entries as { readonly [name: string]: T })) {
        const reserved = section === 'objects' && celReservedNames.has(name);
        const usable = !reserved && !unusable(section, name);
        names.add({ name, site: site.at(section, name), value, usable });
        if (reserved) {
          site
            .at(section, name)
            .reportKey('reserved-name', `"${name}" has a meaning in CEL and cannot name an object type`);
        }
      }
    };
    addAll('sources', all.sources);
    addAll('objects', all.objects);
    addAll('dependencies', all.dependencies);
    addAll('attach', all.attach);
    addAll('services', all.services);
  }
  return all;
}

function member(rules: unknown, name: string): unknown {
  if (typeof rules !== 'object' || rules === null) return undefined;
  return (rules as { readonly [name: string]: unknown })[name];
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
