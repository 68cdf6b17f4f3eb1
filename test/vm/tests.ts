// SPDX-License-Identifier: Apache-2.0
// What runs in the virtual machines: each test file in a machine of its own, with its time limit.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Sort, sorts } from '../equivalence/makers.js';
import { allKernels } from './kernels.js';

/** `quick`: does it work at all. `ci`: what fits into 15 minutes with all kernels. `full`: everything on every kernel. */
export type Extent = 'quick' | 'ci' | 'full';

export interface VmTest {
  readonly name: string;
  /** Compiled test file, relative to dist/test. */
  readonly file: string;
  /** Kernel modules to be loaded before it. */
  readonly modules: readonly string[];
  /** Variables of its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Whether the module of helpers-kmod is loaded on a kernel that needs it. */
  readonly helpers: boolean;
  readonly nicPairs: number;
  readonly timeoutSeconds: number;
  /** Kernels on which the smaller extents include it; what is quick is also CI's. */
  readonly quick: readonly string[];
  readonly ci: readonly string[];
  /** Kernels on which it has nothing to say, with the reason. */
  readonly pointless: Readonly<Record<string, string>>;
}

/** What the lab needs; automatic loading would do as well, but not before a BPF object asks for its BTF. */
const labModules = ['bridge', 'veth', 'tun', 'nf_tables', 'sch_ingress', 'cls_bpf'];

const base = {
  modules: labModules,
  environment: {},
  helpers: true,
  nicPairs: 0,
  timeoutSeconds: 600,
  quick: [],
  ci: [],
  pointless: {},
} as const;

/** What the FPM tests configure themselves, apart from what comes by itself. */
const fpmModules = [...labModules, 'br_netfilter'];

/** Random configurations, a test for each sort of them. */
function randomTests(): readonly VmTest[] {
  const modulesOf = (of: Sort) => [
    ...labModules,
    ...(/^(vlan|vrf)-/.test(of) ? ['8021q', 'br_netfilter'] : []),
    ...(of.startsWith('vrf-') ? ['vrf'] : []),
  ];
  return (['bridge', 'router', ...sorts.filter((of) => /^(vlan|vrf)-/.test(of))] as const).map((of) => ({
    ...base,
    name: of === 'bridge' ? 'equivalence' : `${of}-equivalence`,
    file: 'vm/guest/random.test.js',
    environment: { TNA_VM_OF: of },
    modules: modulesOf(of),
    timeoutSeconds: 1800,
    pointless: of === 'bridge' ? {} : { '6.1': 'routes nothing: Linux before 6.2' },
  }));
}

/** What attaches by TCX (6.6), or by XDP to a veth or NIC of which 6.1 does not show enough. Other tests cover tc and taps. */
const notOn61 = { '6.1': 'attaches in ways that Linux 6.1 does not have' };
const noHelpers = 'needs no helper module';

/** Tests made for the machines. */
const own: readonly VmTest[] = [
  { ...base, name: 'smoke', file: 'vm/guest/smoke.test.js', quick: allKernels },
  {
    ...base,
    name: 'without-helpers',
    file: 'vm/guest/smoke.test.js',
    helpers: false,
    ci: ['6.1'],
    pointless: { '6.12': noHelpers, newest: noHelpers },
  },
  {
    ...base,
    name: 'nics',
    file: 'vm/guest/nics.test.js',
    modules: [...labModules, 'virtio_net', '8021q'],
    nicPairs: 4,
  },
  ...randomTests(),
  {
    ...base,
    name: 'vlan-router',
    file: 'vm/guest/vlan-router.test.js',
    modules: [...labModules, '8021q'],
    ci: ['newest'],
  },
  {
    ...base,
    name: 'traced-lookups',
    file: 'vm/guest/traced-lookups.test.js',
    modules: ['tun'],
    ci: ['newest'],
    pointless: { '6.1': 'routes nothing: Linux before 6.2' },
  },
  {
    ...base,
    name: 'below-egress',
    file: 'vm/guest/below-egress.test.js',
    modules: [...labModules, '8021q', 'bonding', 'ip_gre'],
    ci: ['newest'],
    pointless: { '6.1': 'routes nothing: Linux before 6.2' },
  },
  {
    ...base,
    name: 'vlan-gateway',
    file: 'vm/guest/vlan-gateway.test.js',
    modules: [...labModules, '8021q', 'br_netfilter'],
    timeoutSeconds: 3600,
    pointless: { '6.1': 'routes nothing: Linux before 6.2' },
  },
  {
    ...base,
    name: 'vlan-gateway-guards',
    file: 'vm/guest/vlan-gateway-guards.test.js',
    modules: [...labModules, '8021q'],
    timeoutSeconds: 1800,
    pointless: { '6.1': 'routes nothing: Linux before 6.2' },
  },
  {
    ...base,
    name: 'vrf',
    file: 'vm/guest/vrf.test.js',
    modules: [...labModules, '8021q', 'vrf'],
    timeoutSeconds: 3600,
    pointless: { '6.1': 'routes nothing: Linux before 6.2' },
  },
  {
    ...base,
    name: 'vrf-guards-tc',
    file: 'vm/guest/vrf-guards-tc.test.js',
    modules: [...labModules, 'vrf'],
    timeoutSeconds: 1800,
    ci: ['newest'],
    pointless: { '6.1': 'routes nothing: Linux before 6.2' },
  },
  {
    ...base,
    name: 'vrf-guards-xdp',
    file: 'vm/guest/vrf-guards-xdp.test.js',
    modules: [...labModules, 'vrf'],
    timeoutSeconds: 1800,
    pointless: { '6.1': 'routes nothing: Linux before 6.2' },
  },
  ...['vrf6-guards-tc', 'vrf6-guards-xdp'].map((name) => ({
    ...base,
    name,
    file: `vm/guest/${name}.test.js`,
    modules: [...labModules, 'vrf'],
    timeoutSeconds: 1800,
    pointless: { '6.1': 'routes nothing: Linux before 6.2' },
  })),
  {
    ...base,
    name: 'nic-equivalence',
    file: 'vm/guest/nic-equivalence.test.js',
    modules: [...labModules, 'virtio_net', '8021q'],
    nicPairs: 5,
    timeoutSeconds: 1800,
    pointless: notOn61,
  },
  {
    ...base,
    name: 'late-module',
    file: 'vm/guest/late-module.test.js',
    modules: ['veth', 'tun'],
  },
  {
    ...base,
    name: 'netlink-family',
    file: 'vm/guest/netlink-family.test.js',
    modules: ['veth'],
  },
  {
    ...base,
    name: 'late-router-modules',
    file: 'vm/guest/late-router-modules.test.js',
    modules: ['tun'],
    pointless: { '6.1': 'routes nothing: Linux before 6.2' },
  },
];

/** The ordinary levels. */
const levels = ['fpm', 'netns'];
/** Measures rates, which mean nothing on an emulated processor; fetches programs, which a machine without a network cannot. */
const excluded = ['netns/bench-smoke.test.js', 'netns/routing-frr.test.js'];

function ordinary(directory: string): readonly VmTest[] {
  return levels.flatMap((level) => {
    const files = readdirSync(join(directory, level), { recursive: true, encoding: 'utf8' });
    return files
      .filter((file) => file.endsWith('.test.js'))
      .map((file) => `${level}/${file}`)
      .filter((file) => !excluded.includes(file))
      .sort()
      .map((file): VmTest => {
        const name = file.replace('.test.js', '');
        const accelerates = level === 'fpm' || /^netns\/(bridge|record)-/.test(name);
        return {
          ...base,
          name,
          file,
          modules: level === 'fpm' ? fpmModules : labModules,
          timeoutSeconds: 900,
          pointless: accelerates ? notOn61 : {},
        };
      });
  });
}

/** The tests of an extent, or, if there are any `parts`, those of any extent whose names contain one of them. */
export function selectTests(directory: string, extent: Extent, parts: readonly string[]): readonly VmTest[] {
  return [...own, ...ordinary(directory)].filter((test) =>
    parts.length > 0
      ? parts.some((part) => test.name.includes(part))
      : allKernels.some((kernel) => includes(test, kernel, extent)),
  );
}

/** Whether an extent includes a test on a kernel. */
export function includes(test: VmTest, kernel: string, extent: Extent): boolean {
  return extent === 'full' || test.quick.includes(kernel) || (extent === 'ci' && test.ci.includes(kernel));
}
