// SPDX-License-Identifier: Apache-2.0
// Specs: those that come with the package, one of a user's own, and what is said about broken ones.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import {
  type BundledSpecName,
  bundledSpec,
  bundledSpecNames,
  decodeMessage,
  encodeMessage,
  enumName,
  enumValue,
  flagsOf,
  loadSpec,
  SpecError,
} from 'netlink-ts';
import t from 'tap';

/** Every run of the tests does the same. Whoever looks for trouble gives another one. */
const fuzzSeed = Number(process.env.TNA_FUZZ_SEED ?? 20261126);

const root = fileURLToPath(new URL('../../..', import.meta.url));
const workspace = join(root, 'src', 'netlink-ts');
const specFiles = readdirSync(join(workspace, 'specs')).filter((file) => file.endsWith('.yaml'));

t.test('bundled specs are what their YAML says', async (t) => {
  t.same([...bundledSpecNames].sort(), specFiles.map((file) => file.slice(0, -'.yaml'.length)).sort());
  for (const file of specFiles) {
    const loaded = loadSpec(readFileSync(join(workspace, 'specs', file), 'utf8'), file);
    t.same(loaded, bundledSpec(loaded.name as BundledSpecName), file);
  }
});

t.test('generated files are up to date, and generating is repeatable', async (t) => {
  const copy = mkdtempSync(join(tmpdir(), 'netlink-generate-'));
  try {
    for (const part of ['specs', 'scripts']) cpSync(join(workspace, part), join(copy, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const { status, stderr } = spawnSync(process.execPath, ['scripts/generate.mjs'], { cwd: copy, encoding: 'utf8' });
    t.equal(status, 0, stderr);
    const committed = readdirSync(join(workspace, 'lib', 'generated')).sort();
    t.same(readdirSync(join(copy, 'lib', 'generated')).sort(), committed);
    for (const file of committed) {
      const text = (base: string) => readFileSync(join(base, 'lib', 'generated', file), 'utf8');
      t.equal(text(copy), text(workspace), `${file}: run npm run generate`);
    }
  } finally {
    rmSync(copy, { recursive: true });
  }
});

const own = `name: sensor
protocol: genetlink-legacy
definitions:
  - name: unit
    type: enum
    value-start: 3
    entries: [celsius, { name: kelvin, value: 9, doc: since zero }]
  - name: state
    type: flags
    entries: [valid, stale]
  - name: address-length
    type: const
    value: 6
  - name: frame
    type: struct
    members:
      - { name: kind, type: u8, enum: unit }
      - { name: pad, type: pad, len: 1 }
      - { name: order, type: u16, byte-order: big-endian }
      - { name: mac, type: binary, len: address-length, display-hint: mac }
      - { name: label, type: string, len: 6 }
  - name: request-header
    type: struct
    members: [{ name: sensor-id, type: u32 }]
attribute-sets:
  - name: sensor
    attributes:
      - { name: unspec, type: unused, value: 0 }
      - { name: reading, type: sint }
      - { name: total, type: uint }
      - { name: state, type: u8, enum: state, enum-as-flags: true }
      - { name: frame, type: binary, struct: frame }
      - { name: samples, type: binary, sub-type: s16 }
      - { name: mode, type: bitfield32 }
      - { name: ready, type: flag, value: 10 }
      - { name: history, type: indexed-array, sub-type: u16 }
      - { name: parts, type: indexed-array, sub-type: nest, nested-attributes: part }
      - { name: unit, type: u8, enum: unit }
      - { name: detail, type: sub-message, sub-message: detail, selector: unit }
      - { name: drift, type: s64, byte-order: big-endian }
      - { name: peer, type: u32, byte-order: big-endian, display-hint: ipv4 }
  - name: part
    attributes:
      - { name: name, type: string, multi-attr: true, doc: anything, checks: { max-len: 8 } }
  - name: few
    subset-of: sensor
    attributes: [{ name: ready }, { name: total }]
sub-messages:
  - name: detail
    formats:
      - { value: celsius, fixed-header: frame, attribute-set: part }
      - { value: kelvin }
operations:
  fixed-header: request-header
  list:
    - { name: get, attribute-set: sensor, do: { request: { attributes: [state] }, reply: { attributes: [reading] } } }
    - { name: brief, attribute-set: few, dump: {}, value: 7 }
    - { name: changed, notify: get }
mcast-groups:
  list: [{ name: events }]
`;

t.test("a user's own spec", async (t) => {
  const spec = loadSpec(own, 'sensor.yaml');
  const message = {
    sensor_id: 77,
    reading: -5,
    total: 2 ** 40,
    state: 3,
    frame: { kind: 3, order: 0x0102, mac: '00:11:22:33:44:55', label: 'abc' },
    samples: [-1, 2, -32768],
    mode: { value: 1, selector: 3 },
    ready: true,
    history: [1, 2, 65535],
    parts: [{ name: ['a', 'b'] }, { name: ['c'] }],
    unit: 3,
    detail: { kind: 9, order: 1, mac: 'ff:ff:ff:ff:ff:ff', label: '', name: ['inner'] },
    drift: -(2n ** 60n),
    peer: '192.0.2.1',
  };
  const bytes = encodeMessage(spec, 'get', 'do', message);
  const decoded = decodeMessage(spec, bytes, { direction: 'out' });
  t.equal(decoded.operation, 'get');
  t.same(decoded.message, message);
  const text = Buffer.from(bytes).toString('hex');
  t.equal(text.slice(32, 48), '010100004d000000', 'generic header, then the fixed header');
  t.match(text, '08000100fbffffff', 'sint in its short form');
  t.match(text, '0c0002000000000000010000', 'uint in its long form');
  t.match(text, '03000102001122334455616263000000', 'struct with padding and byte orders');
  t.match(text, '04000a00', 'flag');
  t.match(text, '08001000c0000201', 'address');
  t.equal(decodeMessage(spec, bytes).operation, 'get', 'replies share the number of requests');

  const drift = (value: number | bigint) =>
    decodeMessage(spec, encodeMessage(spec, 'get', 'do', { sensor_id: 0, drift: value }), { direction: 'out' }).message
      ?.drift;
  t.equal(drift(-(2n ** 53n)), -(2n ** 53n), 'not a safe integer');
  t.equal(drift(-(2 ** 53) + 1), Number.MIN_SAFE_INTEGER);
  t.equal(drift(2n ** 53n), 2n ** 53n);

  t.equal(spec.incoming.get(8)?.operation, 'changed', 'numbers count on');
  const directional = loadSpec(
    own
      .replace('  list:\n    - { name: get,', '  enum-model: directional\n  list:\n    - { name: get,')
      .replace(', value: 7', ''),
    'sensor.yaml',
  );
  const numbers = [...directional.operations.values()].map(({ request, reply }) => [request.value, reply?.value]);
  t.same(
    numbers,
    [
      [1, 1],
      [2, undefined],
    ],
    'requests on their own',
  );
  t.equal(directional.incoming.get(2)?.operation, 'changed', 'and what is received on its own');

  t.same([...(spec.attributeSets.get('few')?.byName.keys() ?? [])], ['ready', 'total']);
  t.same(flagsOf(spec, 'state', 7), ['valid', 'stale', 'bit-2']);
  t.equal(enumName(spec, 'unit', 9), 'kelvin');
  t.equal(enumValue(spec, 'unit', 'celsius'), 3);
  t.throws(() => flagsOf(spec, 'missing', 1), RangeError);
});

t.test('broken specs name the place', async (t) => {
  const complaint = (from: string | RegExp, to: string): string => {
    const text = own.replace(from, to);
    if (text === own) throw new Error(`nothing to replace: ${from}`);
    try {
      loadSpec(text, 'sensor.yaml');
    } catch (error) {
      if (error instanceof SpecError) return error.message;
      throw error;
    }
    return 'accepted';
  };
  const line = (part: string) => own.slice(0, own.indexOf(part)).split('\n').length;
  const cases: readonly [string | RegExp, string, RegExp][] = [
    [
      'type: sint',
      'type: sin',
      new RegExp(`^sensor.yaml:${line('type: sint')}:32: attribute-sets.0.attributes.1.type: unknown type "sin"`),
    ],
    ['struct: frame', 'struct: fram', /no struct "fram"/],
    ['nested-attributes: part', 'nested-attributes: parts', /no attribute set "parts"/],
    ['sub-message: detail', 'sub-message: details', /no sub-message "details"/],
    ['selector: unit', 'selector: units', /no attribute "units"/],
    ['enum: state', 'enum: states', /no enum or flags "states"/],
    ['notify: get', 'notify: gets', /no operation "gets"/],
    ['attribute-set: few', 'attribute-set: fewer', /no attribute set "fewer"/],
    ['fixed-header: request-header', 'fixed-header: header', /no struct "header"/],
    ['{ name: ready }', '{ name: missing }', /"missing" is not in "sensor"/],
    ['value: 10', 'value: 1', /attribute type 1 is defined twice/],
    ['value: 10', 'value: 20000', /out of range/],
    ['value: 10', 'value: ten', /expected a number, found string "ten"/],
    ['name: total', 'name: reading', /"reading" is defined twice/],
    ['name: total', 'name: _unknown', /"_unknown" is not a name/],
    ['name: total, ', '', /"name" is missing/],
    ['multi-attr', 'multi-attrs', /unknown key "multi-attrs"/],
    ['sub-type: s16', 'sub-type: string', /"string" has no fixed size/],
    ['protocol: genetlink-legacy', 'protocol: netlink-raw', /needs a protonum/],
    ['protocol: genetlink-legacy', 'protocol: smoke-signal', /expected one of genetlink/],
    ['len: 6 }', 'len: 6', /^sensor.yaml:\d+:\d+: /],
    ['name: sensor\n', 'name: *nobody\n', /^sensor.yaml:1:\d+: .*alias/i],
    [/^/, '\t', /^sensor.yaml:1:1: /],
    [/^[\s\S]*$/, '[1, 2]', /^sensor.yaml:1:1: expected a mapping, found a list/],
    [/^[\s\S]*$/, '', /^sensor.yaml:1:1: expected a mapping/],
  ];
  for (const [from, to, expected] of cases) t.match(complaint(from, to), expected, `${from} → ${to}`);
  t.throws(() => encodeMessage(loadSpec(own, 'sensor.yaml'), 'fetch', 'do'), { code: 'unsupported' });
});

t.test('specs torn at random are refused properly', async (t) => {
  const words = own.match(/[A-Za-z0-9-]+/g) ?? [];
  let refused = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(words.length - 1), fc.nat(words.length - 1)), { minLength: 1, maxLength: 4 }),
      (swaps) => {
        let text = own;
        for (const [from, to] of swaps) text = text.replace(new RegExp(`\\b${words[from]}\\b`), words[to] ?? '');
        try {
          loadSpec(text, 'torn.yaml');
        } catch (error) {
          if (!(error instanceof SpecError) || !/^torn.yaml:\d+:\d+: /.test(error.message)) throw error;
          refused += 1;
        }
      },
    ),
    { numRuns: 300, seed: fuzzSeed },
  );
  t.ok(refused > 100, `${refused} of 300 are refused`);
});
