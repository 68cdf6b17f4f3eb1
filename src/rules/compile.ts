// SPDX-License-Identifier: Apache-2.0
// Rule files → a rule set, or everything that is wrong with them.
import { createHash } from 'node:crypto';
import type { Protocols } from '../model/protocols.js';
import type { RuleSet } from '../model/ruleset.js';
import { collectDeclarations, type RuleDocument } from './declarations.js';
import { knownRules, ruleTextKey } from './known.js';
import { celTypes, compileObjects, resolveTypes } from './object-types.js';
import { checkProtocols } from './protocol-check.js';
import { type RuleError, type RuleFinding, sortErrors } from './rule-error.js';
import { checkSchema } from './schema-check.js';
import { compileAttach, compileDependencies, compileServices, type Library, type RuleContext } from './services.js';
import { compileSources } from './sources.js';
import { knownDocument, type LocatedDocument, parseYaml } from './yaml-document.js';

/** One rule file: the path that errors name, and its text. */
export interface RuleText {
  readonly path: string;
  readonly text: string;
}

export type CompileResult = { readonly ruleSet: RuleSet } | { readonly errors: readonly RuleError[] };

/**
 * Compiles rule files, which may refer to each other in any order. Never throws for what the files contain.
 * With a library, the FPMs and parameters that the rules name are checked against it; with protocols, the specs, operations, groups and
 * members.
 */
export function compileRules(files: readonly RuleText[], library?: Library, protocols?: Protocols): CompileResult {
  const errors: RuleFinding[] = [];
  const documents: RuleDocument[] = [];
  /** Found valid when the project was built. */
  const found = new Set<LocatedDocument>();
  let incomplete = false;
  for (const { path, text } of files) {
    const known = knownRules.size === 0 ? undefined : knownRules.get(ruleTextKey(text));
    if (known !== undefined) {
      const document = knownDocument(path, text, known);
      found.add(document);
      documents.push({ rules: known, unusable: () => false, errors: [], document });
      continue;
    }
    const parsed = parseYaml(path, text);
    errors.push(...parsed.errors);
    if (parsed.document === undefined) {
      incomplete = true;
      continue;
    }
    const checked = checkSchema(parsed.document);
    errors.push(...checked.errors);
    documents.push({ ...checked, document: parsed.document });
  }
  const declarations = collectDeclarations(documents, incomplete, errors);
  const types = resolveTypes(declarations);
  const cel = celTypes(types);
  const context: RuleContext = { declarations, types, cel, library };
  const ruleSet: RuleSet = {
    hash: hashRules(files),
    sources: compileSources(declarations, types, cel),
    objects: compileObjects(declarations, types, cel),
    dependencies: compileDependencies(context),
    attach: compileAttach(context),
    services: compileServices(context),
  };
  if (protocols !== undefined) {
    checkProtocols(declarations, types, protocols, (site) => found.has(site.document));
    errors.push(...hiddenSpecs(protocols));
  }
  return errors.length > 0 ? { errors: sortErrors(errors) } : { ruleSet };
}

/** Whoever wrote one means it to be read, also where only a shipped rule file names it. */
function hiddenSpecs(protocols: Protocols): readonly RuleFinding[] {
  return protocols.hidden().map(({ name, file }) => ({
    file,
    line: 1,
    column: 1,
    code: 'duplicate-name',
    message: `netlink spec ${name} is one of TNA's own, which is read instead: call this one otherwise`,
  }));
}

/** SHA-256 over file names and contents, each preceded by its length so that no two sets of files look alike. */
function hashRules(files: readonly RuleText[]): string {
  const hash = createHash('sha256');
  for (const { path, text } of files) {
    // Not the directory: the same rules are the same wherever they lie and however they are called from there.
    const name = path.slice(path.lastIndexOf('/') + 1);
    hash.update(`${name.length} ${text.length} `).update(name).update(text);
  }
  return hash.digest('hex');
}
