// SPDX-License-Identifier: Apache-2.0
// Numbers of the bpf(2) interface (linux/bpf.h, if_link.h): commands, types, attach points and flags.

export const Command = {
  mapCreate: 0,
  mapLookup: 1,
  mapUpdate: 2,
  mapDelete: 3,
  mapNextKey: 4,
  progLoad: 5,
  objPin: 6,
  objGet: 7,
  progTestRun: 10,
  progNextId: 11,
  mapNextId: 12,
  progFdById: 13,
  mapFdById: 14,
  objInfo: 15,
  progQuery: 16,
  btfFdById: 19,
  mapFreeze: 22,
  btfNextId: 23,
  mapLookupBatch: 24,
  linkCreate: 28,
  linkUpdate: 29,
  linkFdById: 30,
  linkNextId: 31,
  enableStats: 32,
  linkDetach: 34,
} as const;

const PROGRAM_TYPES = [
  'unspec',
  'socket_filter',
  'kprobe',
  'sched_cls',
  'sched_act',
  'tracepoint',
  'xdp',
  'perf_event',
  'cgroup_skb',
  'cgroup_sock',
  'lwt_in',
  'lwt_out',
  'lwt_xmit',
  'sock_ops',
  'sk_skb',
  'cgroup_device',
  'sk_msg',
  'raw_tracepoint',
  'cgroup_sock_addr',
  'lwt_seg6local',
  'lirc_mode2',
  'sk_reuseport',
  'flow_dissector',
  'cgroup_sysctl',
  'raw_tracepoint_writable',
  'cgroup_sockopt',
  'tracing',
  'struct_ops',
  'ext',
  'lsm',
  'sk_lookup',
  'syscall',
  'netfilter',
] as const;

const MAP_TYPES = [
  'unspec',
  'hash',
  'array',
  'prog_array',
  'perf_event_array',
  'percpu_hash',
  'percpu_array',
  'stack_trace',
  'cgroup_array',
  'lru_hash',
  'lru_percpu_hash',
  'lpm_trie',
  'array_of_maps',
  'hash_of_maps',
  'devmap',
  'sockmap',
  'cpumap',
  'xskmap',
  'sockhash',
  'cgroup_storage',
  'reuseport_sockarray',
  'percpu_cgroup_storage',
  'queue',
  'stack',
  'sk_storage',
  'devmap_hash',
  'struct_ops',
  'ringbuf',
  'inode_storage',
  'task_storage',
  'bloom_filter',
  'user_ringbuf',
  'cgrp_storage',
  'arena',
] as const;

const LINK_TYPES = [
  'unspec',
  'raw_tracepoint',
  'tracing',
  'cgroup',
  'iter',
  'netns',
  'xdp',
  'perf_event',
  'kprobe_multi',
  'struct_ops',
  'netfilter',
  'tcx',
  'uprobe_multi',
  'netkit',
  'sockmap',
] as const;

export type ProgramType = (typeof PROGRAM_TYPES)[number];
export type MapType = (typeof MAP_TYPES)[number];

/** Name of a number in one of the kernel's type lists; a type newer than the list keeps its number. */
function nameIn<T extends string>(names: readonly T[], number: number): T | `#${number}` {
  return names[number] ?? `#${number}`;
}

export const programTypeName = (type: number): ProgramType | `#${number}` => nameIn(PROGRAM_TYPES, type);
export const mapTypeName = (type: number): MapType | `#${number}` => nameIn(MAP_TYPES, type);
export const linkTypeName = (type: number) => nameIn(LINK_TYPES, type);

/** The kernel's number of a type, -1 when the name is not known here. */
export const programTypeNumber = (name: string): number => (PROGRAM_TYPES as readonly string[]).indexOf(name);
export const mapTypeNumber = (name: string): number => (MAP_TYPES as readonly string[]).indexOf(name);
export const programTypeNames: readonly string[] = PROGRAM_TYPES;
export const mapTypeNames: readonly string[] = MAP_TYPES;

export const AttachType = { xdp: 37, tcxIngress: 46, tcxEgress: 47 } as const;

export const MapFlag = {
  noPrealloc: 1 << 0,
  readOnlyProgram: 1 << 7,
  writeOnlyProgram: 1 << 8,
  mmapable: 1 << 10,
} as const;

export const UpdateFlag = { any: 0, noExist: 1, exist: 2 } as const;

/** XDP_FLAGS_* of if_link.h. */
export const XdpFlag = { ifNoExist: 1, generic: 2, native: 4, hardware: 8, replace: 16 } as const;

/** BPF_F_* of multi-program attachment (mprog). */
export const AnchorFlag = { replace: 1 << 2, before: 1 << 3, after: 1 << 4, id: 1 << 5, link: 1 << 13 } as const;

export const TestRunFlag = { onCpu: 1 << 0, liveFrames: 1 << 1 } as const;

/** linux/magic.h */
export const BPFFS_MAGIC = 0xcafe4a11;
