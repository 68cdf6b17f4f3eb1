// SPDX-License-Identifier: Apache-2.0
// Objects and templates against the running kernel: constants change behaviour, failures explain themselves, nothing leaks.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import {
  BpfError,
  BpfObject,
  BpfTemplate,
  enableRunTimeStats,
  kernelBtf,
  openHandles,
  probe,
  testRun,
  testRunAsync,
} from 'bpf-loader-native';
import t from 'tap';
import { compileBpf } from '../support/bpf/compile.js';

const packet = new Uint8Array(64);
const openFds = () => readdirSync('/proc/self/fd').length;

/** Why a test that needs this cannot run here; false if it can. */
async function without(question: string): Promise<string | false> {
  const { answer, evidence } = await probe(question);
  return answer === 'yes' ? false : evidence;
}

async function failure(promise: Promise<unknown>): Promise<BpfError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
  throw new Error('should have failed');
}

t.test('an object tells what is in it', async (t) => {
  const object = await BpfObject.open(compileBpf('traffic'));
  t.equal(object.license, 'GPL');
  t.match(
    object.programs.map((p) => [p.name, p.section, p.type]),
    [
      ['entry', 'xdp', 'xdp'],
      ['target', 'xdp', 'xdp'],
      ['sink', 'xdp', 'xdp'],
      ['classify', 'tc', 'sched_cls'],
      ['mark', 'tc', 'sched_cls'],
    ],
  );
  const shapes = object.maps
    .filter((m) => !m.internal)
    .map((m) => [m.name, m.type, m.keySize, m.valueSize, m.maxEntries]);
  t.same(shapes.sort(), [
    ['events', 'ringbuf', 0, 0, 4096],
    ['ports', 'devmap', 4, 8, 8],
    ['slots', 'prog_array', 4, 4, 4],
    ['table', 'hash', 4, 8, 64],
    ['totals', 'percpu_array', 4, 8, 2],
  ]);
  const rodata = Object.fromEntries(object.rodata.map((v) => [v.name, [v.kind, v.size, v.signed, v.length]]));
  t.match(rodata, {
    enabled: ['bool', 1, false, null],
    verdict: ['int', 4, true, null],
    address: ['int', 6, false, 6],
    offsets: ['int', 4, true, 2],
    limits: ['struct', 8, false, null],
    threshold: ['int', 8, false, null],
  });
  t.equal(object.variables.find((v) => v.name === 'runs')?.section, '.bss');
  t.throws(() => object.setRodata('enabeld', true), { code: 'unknown-name', message: /did you mean 'enabled'/ });
  t.throws(() => object.setRodata('runs', 1), { code: 'unknown-name' }, '.bss holds no constants');
  t.throws(() => object.setRodata('verdict', 2 ** 31), { code: 'value' });
  t.throws(() => object.setAutoload('nobody', false), { code: 'unknown-name' });
  t.throws(() => object.program('entry'), { code: 'not-loaded' });
  object.close();
  object.close();
  t.throws(() => object.programs, /closed/);
});

t.test('constants, map sizes and autoload take effect at load', async (t) => {
  const object = await BpfObject.open(compileBpf('traffic'));
  object.setRodata('enabled', true);
  object.setRodata('verdict', 7);
  object.setRodata('address', [0, 0, 0, 0, 0, 11]);
  object.setRodata('offsets', [0, -3]);
  object.setMaxEntries('table', 128);
  object.setAutoload('target', false);
  await object.load();
  t.equal(testRun(object.program('entry'), { data: packet }).retval, 7 + 11 - 1 - 3 - 2);
  t.equal(object.map('table').info.maxEntries, 128);
  t.throws(() => object.program('target'), { code: 'not-loaded' });
  t.throws(() => object.setRodata('verdict', 8), 'too late');
  object.close();
});

t.test('a template gives the program that libbpf would have loaded, without its work', async (t) => {
  const rodata = { enabled: true, verdict: 3, address: Uint8Array.of(0, 0, 0, 0, 0, 5), threshold: 9n };
  const direct = await BpfObject.open(compileBpf('traffic'));
  for (const [name, value] of Object.entries(rodata)) direct.setRodata(name, value);
  await direct.load();
  const template = await BpfTemplate.create(await BpfObject.open(compileBpf('traffic')));
  const special = await template.specialise({ program: 'entry', rodata, name: 'entry_3' });
  const plain = await template.specialise({ program: 'entry' });

  const expected = direct.program('entry');
  t.equal(testRun(expected, { data: packet }).retval, 3 + 5 - 1);
  t.equal(testRun(special, { data: packet }).retval, 3 + 5 - 1);
  t.equal(testRun(plain, { data: packet }).retval, 2, 'the template itself stays switched off');
  t.equal(testRun(template.object.program('entry'), { data: packet }).retval, 2);
  t.equal(special.info.tag, expected.info.tag, 'same instructions');
  t.equal(special.info.xlatedLength, expected.info.xlatedLength, 'same dead code removed');
  t.ok(special.info.xlatedLength > plain.info.xlatedLength);
  t.equal(special.info.name, 'entry_3');
  t.ok(special.info.btfId > 0, 'keeps its type information');

  const shared = (info: { mapIds: readonly number[] }) => info.mapIds.includes(template.object.map('totals').info.id);
  t.ok(shared(special.info), "uses the template's maps");
  t.notOk(special.info.mapIds.includes(template.object.map('.rodata').info.id), 'but constants of its own');

  const unknown = await failure(template.specialise({ program: 'entry', rodata: { verdct: 1 } }));
  t.match(unknown, { code: 'unknown-name', summary: /'verdict'/ });
  t.match(await failure(template.specialise({ program: 'entri' })), { code: 'unknown-name' });
  t.match(await failure(BpfTemplate.create(direct)), { code: 'value' }, 'a loaded object is no template');
  for (const owner of [special, plain, template, direct]) owner.close();
});

t.test('specialising costs a fraction of a load', { skip: await without('kfunc:bpf_rdonly_cast') }, async (t) => {
  const file = compileBpf('neighbour');
  const times = { load: [] as number[], specialise: [] as number[] };
  const template = await BpfTemplate.create(await BpfObject.open(file));
  const tags = new Set<string>();
  for (let round = 0; round < 7; round++) {
    let start = performance.now();
    const object = await BpfObject.open(file);
    object.setRodata('enabled', true);
    await object.load();
    times.load.push(performance.now() - start);
    tags.add(object.program('lookup').info.tag);
    object.close();
    start = performance.now();
    const program = await template.specialise({ program: 'lookup', rodata: { enabled: true } });
    times.specialise.push(performance.now() - start);
    tags.add(program.info.tag);
    program.close();
  }
  template.close();
  // The least, which others on this machine have no part in.
  const [load, specialise] = [Math.min(...times.load), Math.min(...times.specialise)];
  t.comment(`least ms: open and load ${load.toFixed(1)}, specialise ${specialise.toFixed(1)}`);
  t.equal(tags.size, 1, 'the same program both ways');
  t.ok(specialise < load / 2, `${specialise} < ${load} / 2`);
});

t.test('what the kernel lacks may stand behind a false constant', async (t) => {
  const template = await BpfTemplate.create(await BpfObject.open(compileBpf('missing')));
  const program = await template.specialise({ program: 'careful', rodata: { use_absent: false } });
  t.equal(testRun(program, { data: packet }).retval, 2);
  program.close();
  const error = await failure(template.specialise({ program: 'careful', rodata: { use_absent: true } }));
  t.match(error, { code: 'verifier', program: 'careful' });
  template.close();
  const strong = await BpfObject.open(compileBpf('missing', ['STRONG']));
  const unresolved = await failure(strong.load());
  t.match(unresolved, { code: 'ksym', summary: /bpf_loader_test_required/ });
  strong.close();
});

spawnSync('modprobe', ['-q', 'nf_conntrack']);
t.test(
  'calls into kernel modules survive specialisation',
  { skip: await without('kfunc:xdp:bpf_xdp_ct_lookup') },
  async (t) => {
    const where = (await kernelBtf()).findType('func', 'bpf_xdp_ct_lookup')?.module ?? 'vmlinux';
    const template = await BpfTemplate.create(await BpfObject.open(compileBpf('conntrack')));
    const program = await template.specialise({ program: 'tracked', rodata: { ask: true } });
    t.equal(testRun(program, { data: packet }).retval, 1, `no such connection, says bpf_xdp_ct_lookup of ${where}`);
    program.close();
    template.close();
  },
);

t.test('a refused program brings the whole log and one line of it', async (t) => {
  const object = await BpfObject.open(compileBpf('rejected'));
  const error = await failure(object.load());
  t.match(error, { code: 'verifier', errno: 13, program: 'careless', object: 'rejected' });
  t.match(error.summary, /outside of the .*\(instruction \d+: r0 = \*\(u8 \*\)\(r1 \+100\); source: .*data\[100\]/);
  t.match(error.log, /R1=ctx/);
  t.match(error.log, /processed \d+ insns/);
  object.close();

  const fixed = await BpfObject.open(compileBpf('rejected'));
  fixed.setRodata('broken', false);
  const template = await BpfTemplate.create(fixed);
  const late = await failure(template.specialise({ program: 'careless', rodata: { broken: true } }));
  t.match(late, { code: 'verifier', errno: 13, program: 'careless' });
  t.match(late.log, /R1=ctx[\s\S]*processed \d+ insns/);
  t.match(late.summary, /source: .*data\[100\]/);
  template.close();
});

t.test('libbpf writes nothing to stderr', async (t) => {
  const script = `import { BpfObject } from 'bpf-loader-native';
    const object = await BpfObject.open(process.argv[1]);
    await object.load().catch((error) => console.log(error.code));`;
  const args = ['--input-type=module', '-e', script, compileBpf('rejected')];
  const child = spawnSync(process.execPath, args, { encoding: 'utf8' });
  t.match(child, { stdout: 'verifier\n', stderr: '', status: 0 });
});

t.test('files that are no objects are refused with a reason', async (t) => {
  t.match(await failure(BpfObject.open('/nonexistent/x.bpf.o')), { code: 'ENOENT', object: '/nonexistent/x.bpf.o' });
  t.match(await failure(BpfObject.open(new Uint8Array(100))), { code: 'elf' });
});

t.test('test runs: packets, contexts and repetition', async (t) => {
  const object = await BpfObject.open(compileBpf('traffic'));
  object.setRodata('enabled', true);
  object.setRodata('verdict', 3);
  await object.load();
  const xdp = testRun(object.program('entry'), {
    data: packet.slice().fill(7),
    context: { kind: 'xdp', metadataLength: 4 },
  });
  t.match(xdp, { retval: 3, context: { kind: 'xdp', metadataLength: 4 } });
  t.same(xdp.data, packet.slice().fill(7));
  const skb = await testRunAsync(object.program('classify'), {
    data: packet,
    repeat: 5,
    context: { kind: 'skb', mark: 10, wireLength: 64, cb: [1, 2, 3, 4, 5], gsoSize: 20, gsoSegments: 2 },
  });
  t.match(skb, { retval: 2, context: { kind: 'skb', mark: 15, priority: 64, cb: [1, 20, 3, 4, 5] } });
  t.equal(typeof skb.durationNs, 'number');
  t.equal(object.program('target').info.runCount, 0n);
  const statistics = enableRunTimeStats();
  testRun(object.program('target'), { data: packet, repeat: 9 });
  statistics.close();
  t.equal(object.program('target').info.runCount, 9n);
  t.throws(() => testRun(object.program('classify'), { data: packet, context: { kind: 'skb', ifindex: 99_999 } }), {
    code: 'ENODEV',
  });
  object.close();
});

t.test('kernel types: embedded fields, modules included, parsed once', async (t) => {
  const btf = await kernelBtf();
  t.equal(await kernelBtf(), btf);
  t.ok(btf.hasType('struct', 'net_device'));
  t.notOk(btf.hasType('union', 'net_device'), 'the kind counts');
  t.ok(btf.hasField('net_device.ifindex'));
  t.ok(btf.hasField('net.ipv4.fib_seq'), 'through an embedded struct');
  t.ok(btf.hasField('sk_buff.mark'), 'through anonymous members');
  t.notOk(btf.hasField('net_device.no_such_field'));
  t.notOk(btf.hasField('net_device.rx_handler_data.x'), 'pointers are not followed');
  t.equal(btf.fieldOffset('list_head.prev'), 8);
  t.match(btf.findField('sk_buff.pkt_type'), { bits: { width: 3 } });
  t.equal(btf.enumValue('bpf_func_id', 'BPF_FUNC_fib_lookup'), 69);
  t.equal(btf.enumValue('bpf_func_id', 'BPF_FUNC_nope'), null);
  t.ok(btf.hasFunc('vfs_read'));
  t.not(btf.isKfunc('vfs_read'), true);
});

t.test('probes answer from trying', async (t) => {
  const answers: Record<string, string> = {};
  for (const question of [
    'prog:xdp',
    'map:devmap_hash',
    'helper:xdp:bpf_fib_lookup',
    'helper:xdp:bpf_skb_store_bytes',
    'helper:xdp:bpf_no_such_helper',
    'kfunc:vfs_read',
    'kfunc:bpf_no_such_kfunc',
    'btf:net_device.ifindex',
    'btf:net_device.nope',
    'btf:vmlinux',
  ]) {
    const result = await probe(question);
    t.ok(result.evidence.length > 0);
    answers[question] = result.answer;
  }
  t.same(answers, {
    'prog:xdp': 'yes',
    'map:devmap_hash': 'yes',
    'helper:xdp:bpf_fib_lookup': 'yes',
    'helper:xdp:bpf_skb_store_bytes': 'no',
    'helper:xdp:bpf_no_such_helper': 'no',
    'kfunc:vfs_read': 'no',
    'kfunc:bpf_no_such_kfunc': 'no',
    'btf:net_device.ifindex': 'yes',
    'btf:net_device.nope': 'no',
    'btf:vmlinux': 'yes',
  });
  const cast = await probe('kfunc:bpf_rdonly_cast');
  t.equal(cast.answer, (await kernelBtf()).hasFunc('bpf_rdonly_cast') ? 'yes' : 'no');
  const script = `import { probe } from 'bpf-loader-native';
    const ask = async (question) => (await probe(question)).answer;
    const answers = [];
    for (const question of process.argv.slice(1)) answers.push(await ask(question), await ask(question));
    console.log(answers.join(' '));`;
  const questions = ['prog:xdp', 'map:devmap_hash', 'helper:xdp:bpf_fib_lookup', 'attach:tcx'];
  const powerless = ['--bounding-set=-all', '--inh-caps=-all', process.execPath, '--input-type=module', '-e', script];
  const child = spawnSync('setpriv', [...powerless, ...questions], { encoding: 'utf8' });
  t.match(
    child,
    { stderr: '', stdout: `${Array(8).fill('unknown').join(' ')}\n` },
    'without privilege nothing is denied',
  );
  // The sysctl of the JIT is there in the first network namespace only.
  const elsewhere = spawnSync('unshare', ['-n', process.execPath, '--input-type=module', '-e', script, 'jit'], {
    encoding: 'utf8',
  });
  const jit = (await probe('jit')).answer;
  t.match(elsewhere, { stderr: '', stdout: `${jit} ${jit}\n` }, 'of the JIT every network namespace tells the same');
  t.not(jit, 'unknown');
  await t.rejects(probe('progs:xdp'), { code: 'unknown-name' });
  await t.rejects(probe('prog:xpd'), { code: 'unknown-name', summary: /'xdp'/ });
});

t.test('200 objects, loaded and refused, leave no descriptor', async (t) => {
  const good = compileBpf('traffic');
  const bad = compileBpf('rejected');
  const cycle = async (round: number) => {
    const object = await BpfObject.open(round % 2 === 0 ? good : bad);
    const error = await object.load().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (round % 2 === 0) {
      object.program('entry');
      object.map('table');
    }
    t.equal(error === undefined, round % 2 === 0);
    object.close();
  };
  const fixed = await BpfObject.open(bad);
  fixed.setRodata('broken', false);
  const template = await BpfTemplate.create(fixed);
  await cycle(0);
  await failure(template.specialise({ program: 'careless', rodata: { broken: true } }));
  const before = { fds: openFds(), handles: openHandles() };
  for (let round = 0; round < 200; round++) {
    await cycle(round);
    if (round % 10 === 0) await failure(template.specialise({ program: 'careless', rodata: { broken: true } }));
  }
  t.same({ fds: openFds(), handles: openHandles() }, before);
  template.close();
});
