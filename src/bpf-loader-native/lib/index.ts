// SPDX-License-Identifier: Apache-2.0
// Typed access to BPF through libbpf and bpf(2). Knows nothing of what the programs are for.

export {
  attachXdpWithoutLink,
  detachXdpWithoutLink,
  queryTcx,
  queryTcxOfAll,
  queryXdp,
  type TcxList,
  type TcxProgram,
  type XdpState,
} from './attached.js';
export { readU32, u32Bytes } from './attr.js';
export { attachClsact, type ClsactFilter, type ClsactPlace, detachClsact, queryClsact } from './clsact.js';
export { clearSlot, getDevice, getInnerMapId, getProgramId, setDevice, setInnerMap, setProgram } from './device-map.js';
export { listLinks, listMaps, listPrograms } from './enumerate.js';
export { BpfError } from './error.js';
export { type BtfKind, type FieldMatch, KernelBtf, kernelBtf, type TypeMatch } from './kernel-btf.js';
export {
  type Anchor,
  BpfLink,
  type Direction,
  type LinkInfo,
  readPinnedLinks,
  type TcxOptions,
  type XdpMode,
} from './link.js';
export { type LockHolder, type LockResult, lockDirectory, lockHolder } from './lock.js';
export { BpfMap, type MapInfo, type MapSpec, possibleCpus } from './map.js';
export { openHandles, type Variable } from './native.js';
export { BpfObject, type MapDescription, type OpenOptions, type ProgramDescription } from './object.js';
export { isBpffs, listPins, mountBpffs, type Pin, removePins, unmountBpffs, unpin } from './pins.js';
export { type ProbeResult, probe } from './probe.js';
export { BpfProgram, enableRunTimeStats, type LoadSpec, loadProgram, type ProgramInfo } from './program.js';
export { type RingBufferOptions, RingBufferReader } from './ring-buffer.js';
export { BpfTemplate, type Specialisation } from './template.js';
export {
  type LiveFramesOptions,
  runLiveFrames,
  type SkbContext,
  type TestRunOptions,
  type TestRunResult,
  testRun,
  testRunAsync,
  type XdpContext,
} from './test-run.js';
export { MapFlag, type MapType, type ProgramType, UpdateFlag } from './uapi.js';
export type { VariableValue } from './variable.js';
export { parseVerifierLog, summariseVerifierLog, type VerifierSummary } from './verifier-log.js';
