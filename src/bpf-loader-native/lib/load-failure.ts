// SPDX-License-Identifier: Apache-2.0
// Turns what libbpf said about a failed open or load into one BpfError.
import { BpfError, errnoName } from './error.js';
import { parseVerifierLog, summariseVerifierLog } from './verifier-log.js';

const FAILED_PROGRAM = /prog '([^']+)': BPF program load failed/;
const LOG_SECTION = /-- BEGIN PROG LOAD LOG --\n([\s\S]*?)-- END PROG LOAD LOG --/;
const MISSING_SYMBOL = /extern \([^)]*\) '([^']+)'[^\n]*not found/;
const FAILED_MAP = /map '([^']+)': failed to create/;
const CORE_FAILURE = /CO-RE reloc|relo #\d+/i;

/** `log` is libbpf's output; a program that the verifier refused has its full log in there between markers. */
export function loadFailure(operation: string, object: string, errno: number, log: string): BpfError {
  const program = FAILED_PROGRAM.exec(log)?.[1];
  const verifierLog = LOG_SECTION.exec(log)?.[1];
  const base = { errno, operation, object, log: verifierLog ?? log, ...(program === undefined ? {} : { program }) };
  if (verifierLog !== undefined) return verifierFailure(operation, object, errno, verifierLog, program);
  const symbol = MISSING_SYMBOL.exec(log)?.[1];
  if (symbol !== undefined) {
    return new BpfError({
      ...base,
      code: 'ksym',
      summary: `the kernel has no symbol '${symbol}' that the program needs`,
    });
  }
  const map = FAILED_MAP.exec(log)?.[1];
  if (map !== undefined) {
    return new BpfError({ ...base, code: errnoName(errno), summary: `cannot create map '${map}'` });
  }
  const last = lastMessage(log);
  const summary = last === undefined ? {} : { summary: last };
  if (CORE_FAILURE.test(log)) return new BpfError({ ...base, code: 'core', ...summary });
  if (/\bBTF\b/.test(log)) return new BpfError({ ...base, code: 'btf', ...summary });
  if (/\bELF\b|elf:/.test(log)) return new BpfError({ ...base, code: 'elf', ...summary });
  return new BpfError({ ...base, code: errnoName(errno), ...summary });
}

/** For a program that the kernel refused with a log. A log without a complaint leaves the errno as the reason. */
export function verifierFailure(
  operation: string,
  object: string,
  errno: number,
  log: string,
  program?: string,
): BpfError {
  const message = parseVerifierLog(log)?.message ?? '';
  const summary = summariseVerifierLog(log);
  const core = CORE_FAILURE.test(message);
  return new BpfError({
    code: summary === null ? errnoName(errno) : core ? 'core' : 'verifier',
    errno,
    operation,
    object,
    log,
    ...(program === undefined ? {} : { program }),
    ...(summary === null ? {} : { summary }),
  });
}

function lastMessage(log: string): string | undefined {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  // "failed to load object" repeats what the line before explains.
  const telling = lines.filter((line) => !/failed to load object/.test(line));
  return (telling.at(-1) ?? lines.at(-1))?.replace(/^libbpf: /, '').trim();
}
