// SPDX-License-Identifier: Apache-2.0
// One line out of a verifier log: what the verifier objected to, at which instruction, from which source line.

const STATISTICS =
  /^(processed \d+ insns|verification time|stack depth|max_states|mark_precise:|-- (BEGIN|END) |libbpf: |\s*$)/;
const INSTRUCTION = /^(\d+): \(([0-9a-f]{2})\) (.*)$/;
/** Register states and paths, which say where the verifier was and not what is wrong. */
const STATE =
  /^(\d+: (R\d|frame\d)|from \d+ to \d+|R\d+(_w)?=|frame\d+:|func#\d+ @|last_idx |parent |regs=|caller:|callee:)/;

/** Kernels since 7.x explain at length after the complaint itself. */
const EXPLANATION = /\n\nVerification failed: /;

export interface VerifierSummary {
  readonly message: string;
  readonly instruction?: { readonly index: number; readonly text: string };
  readonly source?: string;
}

/** Null when the log holds no complaint. */
export function parseVerifierLog(log: string): VerifierSummary | null {
  const complaint = log.split(EXPLANATION, 1)[0] ?? log;
  const lines = complaint.split('\n').map((line) => line.trimEnd());
  let at = lines.length - 1;
  const meaningful = (line: string) =>
    !STATISTICS.test(line) && !STATE.test(line) && !INSTRUCTION.test(line) && !line.startsWith('; ');
  while (at >= 0 && !meaningful(lines[at] ?? '')) at--;
  const last = lines[at];
  if (last === undefined) return null;
  // Some complaints take two lines: the access, and what is wrong with it.
  const before = lines[at - 1] ?? '';
  const message = at > 0 && meaningful(before) ? `${before.trim()}: ${last.trim()}` : last.trim();
  let instruction: VerifierSummary['instruction'];
  let source: string | undefined;
  for (let i = at - 1; i >= 0 && source === undefined; i--) {
    const line = lines[i] ?? '';
    const match = INSTRUCTION.exec(line);
    if (match && instruction === undefined) {
      instruction = { index: Number(match[1]), text: (match[3] ?? '').replace(/\s*;.*$/, '') };
    }
    if (line.startsWith('; '))
      source = line
        .slice(2)
        .replace(/ @ \S+:\d+$/, '')
        .trim();
  }
  return {
    message,
    ...(instruction === undefined ? {} : { instruction }),
    ...(source === undefined ? {} : { source }),
  };
}

/** "R1 invalid mem access 'scalar' (instruction 3: r0 = *(u64 *)(r1 +0); source: return *p;)" */
export function summariseVerifierLog(log: string): string | null {
  const parsed = parseVerifierLog(log);
  if (parsed === null) return null;
  const where = [
    parsed.instruction === undefined ? '' : `instruction ${parsed.instruction.index}: ${parsed.instruction.text}`,
    (parsed.source ?? '') === '' ? '' : `source: ${parsed.source}`,
  ].filter((part) => part !== '');
  return where.length === 0 ? parsed.message : `${parsed.message} (${where.join('; ')})`;
}
