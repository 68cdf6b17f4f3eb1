// SPDX-License-Identifier: Apache-2.0
// Writes lib/generated: for each spec its content as data (so that no YAML is parsed at run time) and the TypeScript
// types of its messages. The output depends on the specs alone.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'lib', 'generated');

const pascal = (name) => name.replace(/(^|[-_])([a-z0-9])/g, (_, __, letter) => letter.toUpperCase());
const snake = (name) => name.replaceAll(/[- ]/g, '_');
const camel = (name) => {
  const text = pascal(name);
  return text[0].toLowerCase() + text.slice(1);
};

function header(source) {
  return `// SPDX-License-Identifier: Apache-2.0\n// Generated from ${source}; do not edit.\n`;
}

// A value as source text, one line per element of the lists at the top.
function data(document) {
  const lines = Object.entries(document).map(([key, value]) => {
    if (!Array.isArray(value)) return `  ${JSON.stringify(key)}: ${JSON.stringify(value)},`;
    return `  ${JSON.stringify(key)}: [\n${value.map((item) => `    ${JSON.stringify(item)},\n`).join('')}  ],`;
  });
  return `{\n${lines.join('\n')}\n}`;
}

function scalarType(declared, hint) {
  if (hint === 'ipv4' && /^(u|be)32$/.test(declared)) return 'string';
  if (/^([us](8|16|32)|be(16|32))$/.test(declared)) return 'number';
  return /^([us]64|be64|uint|sint)$/.test(declared) ? 'number | bigint' : undefined;
}

function typesOf(document) {
  const prefix = pascal(document.name);
  const structName = (name) => `${prefix}${pascal(name)}Struct`;
  const setName = (name) => `${prefix}${pascal(name)}`;
  const text = ['mac', 'ipv4', 'ipv6', 'ipv4-or-v6'];

  const plain = (each) => {
    const hint = each['display-hint'];
    const scalar = scalarType(each.type, hint);
    if (scalar !== undefined) return scalar;
    if (each.type === 'string') return 'string';
    if (each.type === 'flag') return 'boolean';
    if (each.type === 'bitfield32') return '{ readonly value: number; readonly selector: number }';
    if (each.struct !== undefined) return structName(each.struct);
    if (each.type === 'binary' && each['sub-type'] !== undefined) return `readonly (${scalarType(each['sub-type'])})[]`;
    if (each.type === 'binary') return text.includes(hint) ? 'string' : 'Uint8Array';
    if (each.type === 'nest') return setName(each['nested-attributes']);
    if (each.type === 'indexed-array') return `readonly (${plain({ ...each, type: each['sub-type'] })})[]`;
    if (each.type === 'sub-message') {
      const formats = document['sub-messages'].find(({ name }) => name === each['sub-message']).formats;
      const parts = formats.map((format) => {
        const all = [];
        if (format['fixed-header']) all.push(structName(format['fixed-header']));
        if (format['attribute-set']) all.push(setName(format['attribute-set']));
        return all.length === 0 ? 'object' : all.join(' & ');
      });
      return [...new Set(parts)].map((part) => (part.includes('&') ? `(${part})` : part)).join(' | ');
    }
    throw new Error(`${document.name}: no type for ${JSON.stringify(each)}`);
  };
  const property = (name, type) => `  readonly ${/^[a-z_]/.test(name) ? name : `'${name}'`}?: ${type} | undefined;\n`;

  let out = '';
  for (const definition of document.definitions ?? []) {
    if (definition.type !== 'struct') continue;
    const members = definition.members.filter(({ type }) => type !== 'pad');
    out += `\nexport interface ${structName(definition.name)} {\n`;
    out += `${members.map((each) => property(snake(each.name), plain(each))).join('')}}\n`;
  }
  for (const set of document['attribute-sets']) {
    const parent = document['attribute-sets'].find(({ name }) => name === set['subset-of']);
    const attributes = set.attributes
      .map((each) => parent?.attributes.find(({ name }) => name === each.name) ?? each)
      .filter(({ type }) => type !== 'pad' && type !== 'unused');
    out += `\nexport interface ${setName(set.name)} {\n`;
    for (const each of attributes) {
      const type = plain(each);
      out += property(snake(each.name), each['multi-attr'] ? `readonly (${type})[]` : type);
    }
    out += '  readonly _unknown?: readonly UnknownAttribute[] | undefined;\n}\n';
  }
  out += `\nexport interface ${prefix}Operations {\n`;
  for (const operation of document.operations.list) {
    if (operation.do === undefined && operation.dump === undefined) continue;
    const fixed = operation['fixed-header'] ?? document.operations['fixed-header'];
    const set = operation['attribute-set'];
    const parts = [];
    // Where both have a name the attribute wins.
    const names = document['attribute-sets'].find(({ name }) => name === set)?.attributes.map(({ name }) => name) ?? [];
    const members = document.definitions?.find(({ name }) => name === fixed)?.members.map(({ name }) => name) ?? [];
    const clashes = members.filter((name) => names.includes(name)).map((name) => `'${snake(name)}'`);
    if (fixed !== undefined) {
      parts.push(clashes.length > 0 ? `Omit<${structName(fixed)}, ${clashes.join(' | ')}>` : structName(fixed));
    }
    if (set !== undefined) parts.push(setName(set));
    const type = parts.length === 0 ? 'Record<string, never>' : parts.join(' & ');
    out += `  readonly '${operation.name}': { readonly request: ${type}; readonly reply: ${type} };\n`;
  }
  return `${out}}\n`;
}

const outputs = new Map();
const names = [];
for (const file of readdirSync(join(root, 'specs')).sort()) {
  if (!file.endsWith('.yaml')) continue;
  const document = parse(readFileSync(join(root, 'specs', file), 'utf8'));
  names.push(document.name);
  outputs.set(
    `${document.name}.ts`,
    `${header(`specs/${file}`)}import type { UnknownAttribute } from '../codec.js';\n${typesOf(document)}
/** The spec as data, for the compiler. */
export const ${camel(document.name)}Document: unknown = ${data(document)};\n`,
  );
}
outputs.set(
  'index.ts',
  `${header('specs/*.yaml')}${names
    .map((name) => `import { ${camel(name)}Document, type ${pascal(name)}Operations } from './${name}.js';\n`)
    .join('')}
${names.map((name) => `export type * from './${name}.js';\n`).join('')}
/** Requests and replies of each spec's operations. */
export interface BundledOperations {
${names.map((name) => `  readonly '${name}': ${pascal(name)}Operations;\n`).join('')}}

/** Contents of the specs. */
export const bundledDocuments: Readonly<Record<keyof BundledOperations, unknown>> = {
${names.map((name) => `  '${name}': ${camel(name)}Document,\n`).join('')}};\n`,
);

// Unchanged files keep their time, so that nothing is built anew for them.
mkdirSync(target, { recursive: true });
for (const name of readdirSync(target)) if (!outputs.has(name)) rmSync(join(target, name));
for (const [name, text] of outputs) {
  const path = join(target, name);
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text);
}
