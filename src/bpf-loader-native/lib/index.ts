// SPDX-License-Identifier: Apache-2.0
// Typed access to BPF through libbpf and bpf(2). Knows nothing of what the programs are for.
export { BpfError } from './error.js';
export { BpfMap, type MapInfo, type MapSpec, possibleCpus } from './map.js';
export { openHandles, type Variable } from './native.js';
export { BpfObject, type MapDescription, type OpenOptions, type ProgramDescription } from './object.js';
export { BpfProgram, type ProgramInfo } from './program.js';
export { BpfTemplate, type Specialisation } from './template.js';
export type { VariableValue } from './variable.js';
export { parseVerifierLog, summariseVerifierLog, type VerifierSummary } from './verifier-log.js';
