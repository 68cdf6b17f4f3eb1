// SPDX-License-Identifier: Apache-2.0
// docs/bridge.md speaks of every setting that the netlink spec knows, and every FPM, reason, rule and test that it names exists.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';

import { oddities } from '../equivalence/directed.js';
import { gatewayOddities } from '../equivalence/routing/gateway.js';

const packageRoot = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(`${packageRoot}/${path}`, 'utf8');

interface Row {
  readonly section: string;
  readonly setting: string;
  readonly seenBy: readonly string[];
  readonly reasons: readonly string[];
  readonly test: string;
}

function tableRows(text: string): Row[] {
  const rows: Row[] = [];
  let section = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('## ')) section = line.slice(3);
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (cells.length !== 6 || /^(-+|Setting|Entry|Device)$/.test(cells[0] ?? '')) continue;
    const [setting, , , seenBy, reasons, test] = cells as [string, string, string, string, string, string];
    rows.push({ section, setting, seenBy: seenBy.split(', '), reasons: reasons.split(' ').filter(Boolean), test });
  }
  return rows;
}

interface Spec {
  readonly 'attribute-sets': readonly {
    readonly name: string;
    readonly attributes: readonly { readonly name: string }[];
  }[];
}

interface Rules {
  readonly services: Readonly<Record<string, { readonly blockedBy: readonly { readonly code: string }[] }>>;
}

/** What the kernel reports and nobody sets. */
const reported =
  /^(root-.*|bridge-id|designated-.*|id|no|topology-change.*|config-pending|.*-timer|flush|fdb-flush|pad|mcast-eht-hosts-cnt|mcast-n-groups|fdb-n-learned)$/;

const rows = tableRows(read('docs/bridge.md'));
const manifests = readdirSync(`${packageRoot}/fpm/modules`)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => parse(read(`fpm/modules/${file}`)) as { name: string; reasons?: { code: string }[] });

t.test('every setting of the spec has a row', async (t) => {
  const spec = parse(read('src/netlink-ts/specs/rt-link.yaml')) as Spec;
  for (const [set, section] of [
    ['bridge-port-attrs', 'Port settings'],
    ['bridge-attrs', 'Bridge options'],
  ] as const) {
    const named = rows.filter((row) => row.section.startsWith(section)).map((row) => row.setting);
    const attributes = spec['attribute-sets'].find(({ name }) => name === set)?.attributes ?? [];
    t.ok(attributes.length > 20, set);
    for (const { name } of attributes) {
      if (reported.test(name)) continue;
      const found = named.some((one) => (one.endsWith('…') ? name.startsWith(one.slice(0, -1)) : one === name));
      t.ok(found, `${section}: ${name}`);
    }
  }
});

t.test('what the rows name exists', async (t) => {
  const rules = parse(read('rules/bridge.yaml')) as Rules;
  const known = new Set([
    ...manifests.flatMap(({ name, reasons }) => (reasons ?? []).map(({ code }) => `${name}:${code}`)),
    ...Object.values(rules.services).flatMap(({ blockedBy }) => blockedBy.map(({ code }) => code)),
  ]);
  const fpms = new Set(manifests.map(({ name }) => name));
  const directed = new Set([...oddities, ...gatewayOddities].map(({ name }) => name));
  const fpmTests = readdirSync(`${packageRoot}/test/fpm`)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read(`test/fpm/${file}`))
    .join('');
  for (const { setting, seenBy, reasons, test } of rows) {
    for (const fpm of seenBy) t.ok(fpms.has(fpm), `${setting}: FPM ${fpm}`);
    for (const reason of reasons) {
      t.ok(known.has(reason), `${setting}: reason ${reason}`);
      const [fpm, code] = reason.split(':');
      if (code !== undefined) t.ok(fpms.has(fpm ?? ''), `${setting}: ${fpm}`);
    }
    if (test.startsWith('fpm: ')) t.ok(fpmTests.includes(`name: '${test.slice(5)}'`), `${setting}: ${test}`);
    else if (test !== '') t.ok(directed.has(test), `${setting}: directed case ${test}`);
  }
});

t.test('every condition of the bridge service is in the table', async (t) => {
  const rules = parse(read('rules/bridge.yaml')) as Rules;
  const named = new Set(rows.flatMap(({ reasons }) => reasons));
  const elsewhere = ['port-down', 'nft-bridge-hook', 'nft-ingress-hook'];
  for (const { code } of rules.services.bridging?.blockedBy ?? []) {
    t.ok(named.has(code) || elsewhere.includes(code), code);
  }
});
