// SPDX-License-Identifier: Apache-2.0
// What the BPF loader does without a kernel: verifier logs to one line, values to bytes, instructions, ELF sections.

import { BpfError, parseVerifierLog, summariseVerifierLog, type Variable } from 'bpf-loader-native';
import { elfSection } from 'bpf-loader-native/dist/elf.js';
import { CALL, EXIT, instructions, replaceMapFds } from 'bpf-loader-native/dist/instructions.js';
import { loadFailure } from 'bpf-loader-native/dist/load-failure.js';
import { encodeVariable, unknownName } from 'bpf-loader-native/dist/variable.js';
import t from 'tap';

const outsidePacket = `0: R1=ctx() R10=fp0
; int careless(struct xdp_md *ctx) @ rejected.bpf.c:10
0: (b4) w0 = 2                        ; R0=2
; unsigned char *data = (unsigned char *)(long)ctx->data; @ rejected.bpf.c:12
1: (61) r1 = *(u32 *)(r1 +0)          ; R1=pkt(r=0)
; return data[100] + XDP_PASS; @ rejected.bpf.c:15
6: (71) r0 = *(u8 *)(r1 +100)
invalid access to packet, off=100 size=1, R1(id=0,off=100,r=0)
R1 offset is outside of the packet
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

const branches = `func#0 @0
0: R1=ctx(off=0,imm=0) R10=fp0
; return *p;
12: (79) r0 = *(u64 *)(r6 +0)
R6 invalid mem access 'scalar'

from 5 to 9: R1=ctx() R10=fp0
verification time 33 usec
stack depth 0
processed 14 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 1
`;

const explained = `0: R1=ctx() R10=fp0
; if (broken) @ rejected.bpf.c:14
5: (05) goto pc+0
; return data[100] + XDP_PASS; @ rejected.bpf.c:15
6: (71) r0 = *(u8 *)(r1 +100)
R1 min value is outside of the allowed memory range

Verification failed: Memory Safety: Access outside bounds

Reason:
  The verifier cannot prove offset + access_size <= object_size.

At:
  careless @ rejected.bpf.c:15:10
  Instruction context:
      5 | (05) goto pc+0
  >>> 6 | (71) r0 = *(u8 *)(r1 +100)

Suggestion:
  Add or adjust a bounds check that proves offset + access_size stays within the object.

processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

t.test('a verifier log becomes one line with instruction and source', async (t) => {
  t.equal(
    summariseVerifierLog(outsidePacket),
    'invalid access to packet, off=100 size=1, R1(id=0,off=100,r=0): R1 offset is outside of the packet ' +
      '(instruction 6: r0 = *(u8 *)(r1 +100); source: return data[100] + XDP_PASS;)',
  );
  t.same(parseVerifierLog(branches), {
    message: "R6 invalid mem access 'scalar'",
    instruction: { index: 12, text: 'r0 = *(u64 *)(r6 +0)' },
    source: 'return *p;',
  });
  t.equal(
    summariseVerifierLog('BPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns\n'),
    'BPF program is too large. Processed 1000001 insn',
  );
  t.match(parseVerifierLog(explained), {
    message: 'R1 min value is outside of the allowed memory range',
    instruction: { index: 6 },
    source: 'return data[100] + XDP_PASS;',
  });
  t.equal(summariseVerifierLog('processed 3 insns (limit 1000000)\n\n'), null, 'no complaint, no summary');
});

t.test('what libbpf prints about a failed load becomes an error with a code', async (t) => {
  const verifier = loadFailure(
    'load',
    'fast',
    13,
    `libbpf: prog 'careless': BPF program load failed: Permission denied
libbpf: prog 'careless': -- BEGIN PROG LOAD LOG --
${outsidePacket}-- END PROG LOAD LOG --
libbpf: prog 'careless': failed to load: -13
libbpf: failed to load object 'fast'
`,
  );
  t.match(verifier, { code: 'verifier', errno: 13, program: 'careless', log: outsidePacket });
  t.match(verifier.message, /^load fast: invalid access to packet.*\(EACCES\)$/);
  const symbol = loadFailure(
    'load',
    'fast',
    3,
    "libbpf: extern (func ksym) 'bpf_x': not found in kernel or module BTFs\n",
  );
  t.match(symbol, { code: 'ksym', summary: /'bpf_x'/ });
  const map = loadFailure('load', 'fast', 1, "libbpf: map 'ports': failed to create: Operation not permitted(-1)\n");
  t.match(map, { code: 'EPERM', summary: "cannot create map 'ports'" });
  const core = loadFailure(
    'load',
    'fast',
    22,
    `libbpf: prog 'p': BPF program load failed: Invalid argument
libbpf: prog 'p': -- BEGIN PROG LOAD LOG --
; x
3: <invalid CO-RE relocation>
failed to resolve CO-RE relocation <byte_off> [7] struct gone.field (0:0 @ offset 0)
processed 3 insns (limit 1000000)
-- END PROG LOAD LOG --
`,
  );
  t.match(core, { code: 'core', summary: /struct gone\.field/ });
  t.match(loadFailure('open', 'x', 22, 'libbpf: elf: failed to open x\n'), { code: 'elf' });
  t.match(loadFailure('load', 'x', 12, ''), { code: 'ENOMEM', errno: 12 });
});

const variable = (over: Partial<Variable>): Variable => ({
  section: '.rodata',
  name: 'limit',
  offset: 0,
  size: 4,
  kind: 'int',
  signed: false,
  length: null,
  ...over,
});

t.test('values are encoded for the type of the variable, or refused', async (t) => {
  const bytes = (over: Partial<Variable>, value: Parameters<typeof encodeVariable>[1]) => [
    ...encodeVariable(variable(over), value),
  ];
  t.same(bytes({}, 0x01020304), [4, 3, 2, 1]);
  t.same(bytes({ size: 8 }, 2n ** 64n - 1n), Array(8).fill(255));
  t.same(bytes({ size: 2, signed: true }, -2), [254, 255]);
  t.same(bytes({ kind: 'bool', size: 1 }, true), [1]);
  t.same(bytes({ size: 6, length: 3 }, [1, 2]), [1, 0, 2, 0, 0, 0], 'a shorter list leaves zeros');
  t.same(bytes({ kind: 'struct', size: 3 }, Uint8Array.of(7, 8, 9)), [7, 8, 9]);
  const refused = (over: Partial<Variable>, value: Parameters<typeof encodeVariable>[1]) =>
    t.throws(() => encodeVariable(variable(over), value), { code: 'value', object: 'limit' });
  refused({}, 2 ** 32);
  refused({}, -1);
  refused({}, 1.5);
  refused({ size: 1, signed: true }, 128);
  refused({ kind: 'bool', size: 1 }, 2);
  refused({ kind: 'struct', size: 8 }, 1);
  refused({ size: 8, length: 2 }, [1, 2, 3]);
  refused({ size: 8, length: 2 }, 1);
  refused({}, [1]);
  refused({}, Uint8Array.of(1, 2, 3));
});

t.test('an unknown name is answered with the nearest known ones', async (t) => {
  const error = unknownName('constant', 'vlan_awre', ['vlan_aware', 'ageing', 'vlan_proto']);
  t.ok(error instanceof BpfError);
  t.equal(error.summary, "no constant 'vlan_awre'; did you mean 'vlan_aware'?");
  t.equal(unknownName('constant', 'zzz', ['vlan_aware']).summary, "no constant 'zzz'");
});

t.test('only loads of the named map descriptors are patched', async (t) => {
  const load = (source: number, immediate: number, upper: number) => {
    const two = new DataView(new ArrayBuffer(16));
    two.setUint8(0, 0x18);
    two.setUint8(1, (source << 4) | 1);
    two.setInt32(4, immediate, true);
    two.setInt32(12, upper, true);
    return new Uint8Array(two.buffer);
  };
  const program = instructions([load(2, 7, 24), load(1, 7, 0), load(0, 7, 7), load(2, 8, 0), CALL(7), EXIT]);
  const before = program.slice();
  const patched = replaceMapFds(program, new Map([[7, 99]]));
  t.same(patched, instructions([load(2, 99, 24), load(1, 99, 0), load(0, 7, 7), load(2, 8, 0), CALL(7), EXIT]));
  t.same(program, before, 'the original is left alone');
});

t.test('what is no ELF object has no sections', async (t) => {
  t.equal(elfSection(new Uint8Array(10), 'license'), undefined);
  const broken = new Uint8Array(64).fill(255);
  broken.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  t.equal(elfSection(broken, 'license'), undefined);
});
