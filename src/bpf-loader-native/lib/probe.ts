// SPDX-License-Identifier: Apache-2.0
// Can this kernel do X? Answers by trying, with the evidence; what cannot be tried (no privilege) is 'unknown', never 'no'.
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { constants, release } from 'node:os';
import { queryTcx } from './attached.js';
import { u32Bytes } from './attr.js';
import { stringAt } from './elf.js';
import { BpfError, ENOTSUPP, errnoError, errnoName } from './error.js';
import { CALL, EXIT, instructions, MOV_R0_0 } from './instructions.js';
import { type KernelBtf, kernelBtf } from './kernel-btf.js';
import { readModule } from './loaded-module.js';
import { type Handle, native } from './native.js';
import { openAll, readInfo } from './object-info.js';
import { loadProgram } from './program.js';
import { Command, mapTypeNames, mapTypeNumber, programTypeNames, programTypeNumber } from './uapi.js';
import { unknownName } from './variable.js';

export interface ProbeResult {
  readonly answer: 'yes' | 'no' | 'unknown';
  /** What was tried or read, and what came of it. */
  readonly evidence: string;
}

const yes = (evidence: string): ProbeResult => ({ answer: 'yes', evidence });
const no = (evidence: string): ProbeResult => ({ answer: 'no', evidence });
const unknown = (evidence: string): ProbeResult => ({ answer: 'unknown', evidence });

const KINDS: Readonly<Record<string, (subject: string) => Promise<ProbeResult>>> = {
  prog: probeProgramType,
  map: probeMapType,
  helper: probeHelper,
  kfunc: probeKfunc,
  btf: probeBtf,
  enum: probeEnum,
  attach: probeAttach,
  jit: probeJit,
  module: async (name) => readModule(name),
};

/** Modules come and go, so answers about them, types and kernel functions are asked anew; they cost microseconds. */
const VOLATILE = ['btf', 'kfunc', 'enum', 'jit', 'module'];
const known = new Map<string, ProbeResult>();

/**
 * `prog:TYPE` `map:TYPE` `helper:PROGTYPE:NAME` `kfunc:NAME` `kfunc:PROGTYPE:NAME` `btf:vmlinux` `btf:TYPE[.field…]`
 * `enum:TYPE.MEMBER` `attach:tcx|clsact|xdp-link|netfilter-link` `jit` `module:NAME` (loaded, and which loading it is). Throws BpfError 'unknown-name' for anything else.
 * A lack of descriptors or memory says nothing about the kernel: it is thrown, as BpfError EMFILE, ENFILE, ENOMEM, EAGAIN or ENOTSUPP.
 */
export async function probe(question: string): Promise<ProbeResult> {
  const colon = question.indexOf(':');
  const kind = colon < 0 ? question : question.slice(0, colon);
  const ask = KINDS[kind];
  if (ask === undefined) throw unknownName('probe', kind, Object.keys(KINDS));
  const cached = known.get(question);
  if (cached !== undefined) return cached;
  const result = await ask(colon < 0 ? '' : question.slice(colon + 1));
  // What found no descriptor may have said nothing of it: libbpf's own probes, and the list of modules.
  if (result.answer !== 'yes') requireRoom(question);
  if (isLasting(kind, result)) known.set(question, result);
  return result;
}

/** libbpf's own probes say "no" whatever the kernel refused them for, and that may have been memory. */
const BY_LIBBPF = ['prog', 'map'];

function isLasting(kind: string, { answer }: ProbeResult): boolean {
  return answer === 'yes' ? !VOLATILE.includes(kind) : answer === 'no' && ![...VOLATILE, ...BY_LIBBPF].includes(kind);
}

/** ENOTSUPP, when the verifier had nothing to say: a kernel without an interpreter that got no memory for machine code. */
const shortages: readonly string[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ENOTSUPP'];

/** What a failure leaves open, unless it is one that says nothing about the kernel: that is thrown. */
export function unknownBy(error: BpfError, what: string): ProbeResult {
  const refused = error.errno === ENOTSUPP && error.code === 'verifier';
  if (!refused && shortages.includes(errnoName(error.errno))) throw errnoError(error.errno, 'probe', what);
  return unknown(`${what}: ${error.summary}`);
}

/** More descriptors than a probe has open at once. */
const mostAtOnce = 4;

function requireRoom(question: string): void {
  const taken: number[] = [];
  try {
    while (taken.length < mostAtOnce) taken.push(openSync('/dev/null', 'r'));
  } catch (error) {
    const errno = Math.abs((error as NodeJS.ErrnoException).errno ?? 0);
    throw errnoError(errno, 'probe', question);
  } finally {
    for (const fd of taken) closeSync(fd);
  }
}

/** Undefined when programs can be loaded at all. */
async function obstacle(): Promise<ProbeResult | undefined> {
  const error = await tryLoad('sched_cls', [MOV_R0_0, EXIT]);
  return error === undefined ? undefined : unknownBy(error, 'a trivial tc program does not load');
}

async function tryLoad(
  type: string,
  program: readonly Uint8Array[],
  moduleBtf?: number,
): Promise<BpfError | undefined> {
  const spec = { name: 'probe', type: programTypeNumber(type), license: 'GPL', insns: instructions(program) };
  try {
    const modules = moduleBtf === undefined ? {} : { fdArray: u32Bytes(0, moduleBtf) };
    (await loadProgram({ ...spec, ...modules })).close();
    return undefined;
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
}

async function probeProgramType(type: string): Promise<ProbeResult> {
  const number = programType(type);
  const blocked = await obstacle();
  if (blocked !== undefined) return blocked;
  const supported = await native.probeProgramType(number);
  if (supported < 0) return unknown(`libbpf cannot try program type ${type}`);
  return supported > 0 ? yes(`a ${type} program loads`) : no(`the kernel refuses a trivial ${type} program`);
}

async function probeMapType(type: string): Promise<ProbeResult> {
  const number = mapTypeNumber(type);
  if (number <= 0) throw unknownName('map type', type, mapTypeNames);
  const blocked = await obstacle();
  if (blocked !== undefined) return blocked;
  const supported = await native.probeMapType(number);
  if (supported < 0) return unknown(`libbpf cannot try map type ${type}`);
  return supported > 0 ? yes(`a ${type} map can be created`) : no(`the kernel refuses a ${type} map`);
}

function programType(type: string): number {
  const number = programTypeNumber(type);
  if (number <= 0) throw unknownName('program type', type, programTypeNames);
  return number;
}

/** What the verifier says about a call that it does not allow in this kind of program. */
const REFUSED_CALL =
  /invalid func |unknown func |program of this type cannot use helper|calling kernel function \S+ is not allowed|not supported/;

/** A function that is there, for others. */
const LACKS_PRIVILEGE = /kfunc calls require CAP_/;

async function probeHelper(subject: string): Promise<ProbeResult> {
  const [type = '', helper = ''] = subject.split(':');
  programType(type);
  const blocked = await obstacle();
  if (blocked !== undefined) return blocked;
  const btf = await btfOrProblem();
  if ('answer' in btf) return btf;
  const member = `BPF_FUNC_${helper.replace(/^bpf_/, '')}`;
  const id = btf.enumValue('bpf_func_id', member);
  if (id === null) return no(`enum bpf_func_id has no ${member}`);
  return callResult(await tryLoad(type, [CALL(id), MOV_R0_0, EXIT]), `${type} program calling ${helper}`);
}

/** The arguments are missing on purpose: a complaint about them shows that the call itself is allowed. */
function callResult(error: BpfError | undefined, what: string): ProbeResult {
  if (error === undefined) return yes(`a ${what} loads`);
  if (error.errno === constants.errno.EPERM || error.code !== 'verifier' || LACKS_PRIVILEGE.test(error.log))
    return unknownBy(error, what);
  return REFUSED_CALL.test(error.log) ? no(`${what}: ${error.summary}`) : yes(`${what}: ${error.summary}`);
}

async function probeKfunc(subject: string): Promise<ProbeResult> {
  const parts = subject.split(':');
  const name = parts.at(-1) ?? '';
  const types = parts.length > 1 ? [parts[0] ?? ''] : ['xdp', 'sched_cls'];
  for (const type of types) programType(type);
  const btf = await btfOrProblem();
  if ('answer' in btf) return btf;
  const found = btf.findType('func', name);
  if (found === null) return no(`no BTF of this kernel has a function ${name}`);
  const marked = btf.isKfunc(name);
  if (marked === false) return no(`BTF does not mark ${name} as callable from programs`);
  const blocked = await obstacle();
  if (blocked !== undefined) return blocked;
  const module = found.module === null ? undefined : openModuleBtf(found.module);
  try {
    const call = CALL(found.id, { module: module !== undefined });
    const refusals: string[] = [];
    for (const type of types) {
      const error = await tryLoad(type, [call, MOV_R0_0, EXIT], module?.fd);
      const result = callResult(error, `${type} program calling ${name}`);
      if (result.answer !== 'no') return result;
      refusals.push(result.evidence);
    }
    return no(refusals.join('; '));
  } finally {
    module?.close();
  }
}

/** The descriptor that a call into a module has to name. */
function openModuleBtf(module: string): Handle {
  // Every object that somebody loads has a BTF of its own, which may go while we look.
  for (const handle of openAll(Command.btfNextId, Command.btfFdById)) {
    try {
      const name = new Uint8Array(64);
      const info = readInfo(handle.fd, 32, (block) => {
        block.pointer(16, name).u32(24, name.length);
      });
      const inKernel = info.getU32(28) === 1;
      if (inKernel && stringAt(name, 0) === module) return handle;
    } catch (error) {
      handle.close();
      throw error;
    }
    handle.close();
  }
  throw new BpfError({ code: 'ENOENT', operation: 'find BTF of module', object: module });
}

async function btfOrProblem(): Promise<KernelBtf | ProbeResult> {
  try {
    return await kernelBtf();
  } catch (error) {
    if (error instanceof BpfError) return unknownBy(error, 'kernel BTF cannot be read');
    throw error;
  }
}

async function probeBtf(subject: string): Promise<ProbeResult> {
  if (subject === 'vmlinux') {
    const path = '/sys/kernel/btf/vmlinux';
    return existsSync(path) ? yes(`${path} exists`) : no(`${path} does not exist`);
  }
  const btf = await btfOrProblem();
  if ('answer' in btf) return btf;
  if (subject.includes('.')) {
    const field = btf.findField(subject);
    return field === null ? no(`no such field in BTF`) : yes(`offset ${field.offset} in ${field.module ?? 'vmlinux'}`);
  }
  for (const kind of ['struct', 'union', 'enum', 'typedef', 'func', 'int'] as const) {
    const type = btf.findType(kind, subject);
    if (type !== null) return yes(`${kind} ${subject} in ${type.module ?? 'vmlinux'}`);
  }
  return no(`no type or function ${subject} in BTF`);
}

async function probeEnum(subject: string): Promise<ProbeResult> {
  const btf = await btfOrProblem();
  if ('answer' in btf) return btf;
  const [type = '', member = ''] = subject.split('.');
  const value = btf.enumValue(type, member);
  return value === null ? no(`no ${member} in enum ${type}`) : yes(`${member} is ${value}`);
}

const LINK_TYPE_MEMBER: Readonly<Record<string, string>> = {
  'xdp-link': 'BPF_LINK_TYPE_XDP',
  'netfilter-link': 'BPF_LINK_TYPE_NETFILTER',
};

async function probeAttach(subject: string): Promise<ProbeResult> {
  if (subject === 'tcx') return probeTcx();
  if (subject === 'clsact') return probeClsact();
  const member = LINK_TYPE_MEMBER[subject];
  const all = ['tcx', 'clsact', ...Object.keys(LINK_TYPE_MEMBER)];
  if (member === undefined) throw unknownName('attach type', subject, all);
  return probeEnum(`bpf_link_type.${member}`);
}

/** Asks for the list of the loopback device, which has ifindex 1 in every namespace. */
function probeTcx(): ProbeResult {
  try {
    queryTcx(1, 'ingress');
    return yes('the TCX list of the loopback device can be read');
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    const what = 'reading a TCX list';
    return error.errno === constants.errno.EINVAL ? no(`${what}: ${error.summary}`) : unknownBy(error, what);
  }
}

/** What the hook consists of, and a type by which a part shows that it is there. Parts are modules, as a rule. */
const CLSACT_PARTS = { sch_ingress: 'clsact_sched_data', cls_bpf: 'cls_bpf_head' } as const;

/** Not tried, since that would take a device: asked whether the parts are there, or can be loaded when they are needed. */
async function probeClsact(): Promise<ProbeResult> {
  const btf = await btfOrProblem();
  if ('answer' in btf) return btf;
  const evidence: string[] = [];
  for (const [part, type] of Object.entries(CLSACT_PARTS)) {
    if (btf.hasType('struct', type)) evidence.push(`${part} is there`);
    else if (isLoadable(part)) evidence.push(`${part} can be loaded`);
    else return no(`${part} is neither loaded nor among the kernel's modules`);
  }
  return yes(evidence.join(', '));
}

function isLoadable(module: string): boolean {
  try {
    const listed = readFileSync(`/lib/modules/${release()}/modules.dep`, 'latin1');
    return new RegExp(`/${module}\\.ko(\\.\\w+)?:`).test(listed);
  } catch {
    return false;
  }
}

/** By what becomes of a program: net.core.bpf_jit_enable is only there in the initial network namespace. */
async function probeJit(): Promise<ProbeResult> {
  const spec = {
    name: 'probe',
    type: programTypeNumber('sched_cls'),
    license: 'GPL',
    insns: instructions([MOV_R0_0, EXIT]),
  };
  try {
    const program = await loadProgram(spec);
    try {
      return program.info.jitedLength > 0
        ? yes('a trivial tc program becomes machine code')
        : no('a trivial tc program is interpreted: net.core.bpf_jit_enable is 0, or there is no JIT');
    } finally {
      program.close();
    }
  } catch (error) {
    if (error instanceof BpfError) return unknownBy(error, 'a trivial tc program does not load');
    throw error;
  }
}
