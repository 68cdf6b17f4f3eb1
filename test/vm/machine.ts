// SPDX-License-Identifier: Apache-2.0
// One virtual machine: boots a kernel with the host's file system as its (read-only) root, runs one shell command in the
// checkout, and ends. QEMU emulates the processor (TCG), so no hardware support is needed, and everything is slow.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Kernel } from './kernels.js';

export interface MachineOptions {
  readonly kernel: Kernel;
  /** The checkout on the host; the command starts there. */
  readonly root: string;
  /** Shell command line. */
  readonly command: string;
  /** Where to leave `stdout` (with stderr), `dmesg`, `console`. Emptied first. */
  readonly output: string;
  /** Processor time after which the machine is stopped; on a busy host, real time goes on without it (`patience`). */
  readonly timeoutSeconds: number;
  /** Loaded before the command. */
  /** By name, or by path for one that is not among the kernel's own. */
  readonly modules?: readonly string[];
  /** Pairs of emulated virtio-net NICs; see `nicAddress`. */
  readonly nicPairs?: number;
  /** Directory laid over the host's root; what is in it comes first. */
  readonly layer?: string | undefined;
  readonly memoryMiB?: number;
  readonly processors?: number;
}

export interface MachineResult {
  /** `exited`: the command came to its end. `died`: the kernel panicked or the machine failed to start. */
  readonly end: 'exited' | 'died' | 'timeout';
  /** Exit code of the command; -1 if it did not end. */
  readonly code: number;
  readonly stdout: string;
  /** Lines of the kernel's log that report an error in the kernel itself, and the end of the console if it died. */
  readonly complaints: readonly string[];
  readonly seconds: number;
  /** Processor time that the emulation took. */
  readonly processorSeconds: number;
}

/** Address of NIC `a` (0) or `b` (1) of a pair. What one sends, the other receives. */
export function nicAddress(pair: number, side: 0 | 1): string {
  return `02:00:5e:7e:0${side}:${pair.toString(16).padStart(2, '0')}`;
}

/**
 * A NIC with all that native XDP asks of virtio-net: frames arrive with complete checksums and unmerged, and no control
 * over that is offered to the guest. Hubs pass frames within QEMU, so the host gets no network device.
 */
function nicArguments(pairs: number): readonly string[] {
  const off = ['csum', 'gso', 'guest_csum', 'guest_tso4', 'guest_tso6', 'guest_ecn', 'guest_ufo', 'host_ufo'];
  const nics: string[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    for (const side of [0, 1] as const) {
      const id = `nic${pair}${side === 0 ? 'a' : 'b'}`;
      const address = `mac=${nicAddress(pair, side)},romfile=,ctrl_guest_offloads=off`;
      nics.push('-netdev', `hubport,id=${id},hubid=${pair}`);
      nics.push('-device', `virtio-net-pci,netdev=${id},${address},${off.map((name) => `${name}=off`).join(',')}`);
    }
  }
  return nics;
}

function qemuArguments(options: MachineOptions): readonly string[] {
  const { kernel, root, output } = options;
  const boot = [
    'console=ttyS0 loglevel=4 quiet',
    // A bug in the kernel ends the machine at once, and with it the test.
    'panic=-1 oops=panic',
    // A busy host spoils the measurement of the TSC's rate, and time would run several times too fast.
    'clocksource=hpet',
    // An emulated processor that shares a busy one is slow, not stuck.
    'nowatchdog rcupdate.rcu_cpu_stall_suppress=1 tsc=reliable',
    'mitigations=off random.trust_cpu=on',
    // The emulator keeps what it translated by address: programs that always lie at the same ones start four times as fast.
    'norandmaps',
    `tna.root=${root} tna.modules=${kernel.modules}`,
  ];
  return [
    ...['-machine', 'q35', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    // With five-level page tables an emulated boot takes much longer.
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max,la57=off', '-smp', String(options.processors ?? 1)],
    ...['-m', String(options.memoryMiB ?? 1024), '-serial', `file:${join(output, 'console')}`],
    ...['-kernel', kernel.image, '-initrd', kernel.initramfs, '-append', boot.join(' ')],
    ...['-object', 'rng-random,id=rng0,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=rng0'],
    ...['-fsdev', 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-pci,fsdev=host,mount_tag=host'],
    ...['-fsdev', `local,id=output,path=${output},security_model=none`],
    ...['-device', 'virtio-9p-pci,fsdev=output,mount_tag=output'],
    ...(options.layer === undefined
      ? []
      : [
          ...['-fsdev', `local,id=layer,path=${options.layer},security_model=none,readonly=on,multidevs=remap`],
          ...['-device', 'virtio-9p-pci,fsdev=layer,mount_tag=layer'],
        ]),
    ...nicArguments(options.nicPairs ?? 0),
  ];
}

/** What the kernel says when something is wrong with it, rather than with what it was asked to do. */
const complaint =
  /\bBUG: |Oops|general protection fault,|\bWARNING: (?:CPU: |\S+:\d+ at )|Kernel panic|KASAN|UBSAN|refcount_t|Out of memory: /;
/** A NIC that waits for a host that is busy, or stopped for a while. */
const harmless = /NETDEV WATCHDOG|WARNING: .*net\/sched\/sch_generic\.c/;

/** The lines of a kernel's log that begin such a report. */
export function kernelComplaints(log: string): readonly string[] {
  return log.split('\n').filter((line) => complaint.test(line) && !harmless.test(line));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** How many times its processor time a machine may take in real time: it sleeps, waits, and shares the host. */
const patience = process.env.CI === undefined ? 6 : 2;

/** Who needs the machine before everybody else says so. */
const niceness = process.env.TNA_VM_NICE ?? '10';

/** Processor time of a process so far, in seconds. */
function processorSeconds(pid: number | undefined): number {
  const stat = read(`/proc/${pid}/stat`);
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (user + system) / 100;
}

interface Boot {
  readonly expired: boolean;
  readonly processorSeconds: number;
  /** What QEMU itself said. */
  readonly said: string;
}

/** One life of QEMU. */
function boot(options: MachineOptions, started: number): Promise<Boot> {
  const limit = options.timeoutSeconds;
  let expired = false;
  let used = 0;
  let said = '';
  return new Promise((resolve, reject) => {
    const child = spawn('nice', ['-n', niceness, 'qemu-system-x86_64', ...qemuArguments(options)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timer = setInterval(() => {
      used = Math.max(used, processorSeconds(child.pid));
      if (used < limit && performance.now() - started < limit * patience * 1000) return;
      expired = true;
      child.kill('SIGKILL');
    }, 500);
    const stop = () => child.kill('SIGKILL');
    process.once('exit', stop);
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => {
        said += data.toString();
      });
    child.on('error', reject);
    child.on('close', () => {
      clearInterval(timer);
      process.off('exit', stop);
      resolve({ expired, processorSeconds: used, said });
    });
  });
}

function prepareOutput({ output, root, kernel, ...options }: MachineOptions): void {
  if (/[\s,]/.test(`${root}${output}${kernel.modules}`))
    throw new Error(`paths with spaces or commas can't be passed to QEMU: ${root}, ${output}`);
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  writeFileSync(join(output, 'command'), `${options.command}\n`);
  writeFileSync(join(output, 'modules'), (options.modules ?? []).map((name) => `${name}\n`).join(''));
  const path = [dirname(process.execPath), '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];
  writeFileSync(join(output, 'path'), `${path.join(':')}\n`);
}

/**
 * Boots, runs, ends. A machine that dies before its command starts is booted anew: QEMU's emulation now and then trips
 * over a kernel that patches its own code. Rejects only if QEMU can't be started.
 */
export async function runMachine(options: MachineOptions): Promise<MachineResult> {
  const { output } = options;
  const started = performance.now();
  let life: Boot;
  let code: string;
  let left = 3;
  do {
    prepareOutput(options);
    life = await boot(options, started);
    code = read(join(output, 'code')).trim();
    left -= 1;
  } while (code === '' && !life.expired && left > 0 && read(join(output, 'started')) === '');
  const console = read(join(output, 'console')).trim().split('\n');
  const end = code !== '' ? 'exited' : life.expired ? 'timeout' : 'died';
  return {
    end,
    code: code === '' ? -1 : Number(code),
    stdout: read(join(output, 'stdout')),
    complaints: [
      ...kernelComplaints(read(join(output, 'dmesg'))),
      ...(end === 'exited' ? [] : [...console.slice(-30), ...life.said.trim().split('\n')]).filter(
        (line) => line !== '',
      ),
    ],
    seconds: (performance.now() - started) / 1000,
    processorSeconds: life.processorSeconds,
  };
}
