// SPDX-License-Identifier: Apache-2.0
// A kernel that refuses one command of bpf(2) to a process and what that starts, by a seccomp filter: it stands in for what a test cannot
// bring about. Perl is in every Debian and can call prctl().

const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
const SECCOMP_RET_ERRNO = 0x50000;
const SECCOMP_RET_ALLOW = 0x7fff0000;
const numbers = { x64: { prctl: 157, bpf: 321 }, arm64: { prctl: 167, bpf: 280 } } as const;

const commands = { pin: 6, 'create a link': 28 } as const;
const errors = { ENOMEM: 12, ENOSPC: 28 } as const;

/** The words of a command that runs `command` where each try to do `what` is answered by `error`. */
export function refusing(
  what: keyof typeof commands,
  error: keyof typeof errors,
  command: readonly string[],
): readonly [string, ...string[]] {
  const { prctl, bpf } = numbers[process.arch === 'arm64' ? 'arm64' : 'x64'];
  // Of struct seccomp_data: nr at 0, the low half of args[0] at 16.
  const filter = [
    [0x20, 0, 0, 0],
    [0x15, 0, 3, bpf],
    [0x20, 0, 0, 16],
    [0x15, 0, 1, commands[what]],
    [0x06, 0, 0, SECCOMP_RET_ERRNO | errors[error]],
    [0x06, 0, 0, SECCOMP_RET_ALLOW],
  ];
  const script = `
    my $filter = pack("SCCL" x ${filter.length}, ${filter.flat().join(', ')});
    my $program = pack("S x6 P", ${filter.length}, $filter);
    syscall(${prctl}, ${PR_SET_SECCOMP}, ${SECCOMP_MODE_FILTER}, $program, 0, 0) == 0 or die "seccomp: $!";
    exec { $ARGV[0] } @ARGV or die "exec: $!";`;
  return ['perl', '-e', script, ...command];
}
