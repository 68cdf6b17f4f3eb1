// SPDX-License-Identifier: Apache-2.0
// A BPF filesystem without room. The kernel's has no limit that one could set, so a seccomp filter stands in for it: every
// BPF_OBJ_PIN of the command, and of what that starts, fails with ENOSPC. Perl is in every Debian and can call prctl().

const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
const BPF_OBJ_PIN = 6;
const ENOSPC = 28;
const SECCOMP_RET_ERRNO = 0x50000;
const SECCOMP_RET_ALLOW = 0x7fff0000;
const numbers = { x64: { prctl: 157, bpf: 321 }, arm64: { prctl: 167, bpf: 280 } } as const;

/** The words of a command that runs `command` where nothing can be pinned any more. */
export function withoutRoomForPins(command: readonly string[]): readonly [string, ...string[]] {
  const { prctl, bpf } = numbers[process.arch === 'arm64' ? 'arm64' : 'x64'];
  // Of struct seccomp_data: nr at 0, the low half of args[0] at 16.
  const filter = [
    [0x20, 0, 0, 0],
    [0x15, 0, 3, bpf],
    [0x20, 0, 0, 16],
    [0x15, 0, 1, BPF_OBJ_PIN],
    [0x06, 0, 0, SECCOMP_RET_ERRNO | ENOSPC],
    [0x06, 0, 0, SECCOMP_RET_ALLOW],
  ];
  const script = `
    my $filter = pack("SCCL" x ${filter.length}, ${filter.flat().join(', ')});
    my $program = pack("S x6 P", ${filter.length}, $filter);
    syscall(${prctl}, ${PR_SET_SECCOMP}, ${SECCOMP_MODE_FILTER}, $program, 0, 0) == 0 or die "seccomp: $!";
    exec { $ARGV[0] } @ARGV or die "exec: $!";`;
  return ['perl', '-e', script, ...command];
}
