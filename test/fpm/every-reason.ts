// SPDX-License-Identifier: Apache-2.0
// Which test reaches each reason of which FPM, so that no reason is one that nobody has ever seen.

import { setTimeout as delay } from 'node:timers/promises';
import { probe } from 'bpf-loader-native';
import type { Test } from 'tap';
import type { FpmLibrary } from '../../src/model/library.js';
import { difference, type FastPath } from './fast-path.js';

/** By file of this folder. `machines`: by directed cases that need a kernel with VLANs, where not each reason is asked for. */
export const testedIn: Readonly<Record<'reasons' | 'routing' | 'gateway' | 'machines', readonly string[]>> = {
  reasons: [
    ...['frame', 'lease', 'guard_ingress', 'offload', 'l2_control', 'egress', 'guard_bridge_nf'],
    ...['bridge_port', 'bridge_source', 'bridge_vlan', 'bridge_vlan_egress', 'bridge_fdb', 'bridge_egress'],
  ],
  routing: [
    ...['ip_receive', 'ip_rules', 'ip_egress', 'vrf', 'guard_ip4', 'guard_ip6'],
    ...['ip4_header', 'ip4_demux', 'ip4_route', 'ip4_neighbour', 'ip4_forward'],
    ...['ip6_header', 'ip6_demux', 'ip6_route', 'ip6_neighbour', 'ip6_forward'],
  ],
  gateway: ['bridge_up', 'bridge_out'],
  machines: ['vlan_device', 'vlan_receive', 'vlan_out', 'bridge_vlan_up', 'bridge_vlan_out'],
};

/** Why this kernel or machine cannot reach a reason; with a probe, only where that says no. */
export type Unreachable = Readonly<Record<string, { readonly because: string; readonly without?: string }>>;

/** Each reason of the FPMs of a file, and those besides, was reached or has an excuse; not both. */
export async function everyReason(
  t: Test,
  file: keyof typeof testedIn,
  library: FpmLibrary,
  reached: ReadonlySet<string>,
  unreachable: Unreachable,
  besides: readonly string[] = [],
): Promise<void> {
  const own = library.modules
    .filter(({ name }) => testedIn[file].includes(name))
    .flatMap(({ name, reasons }) => reasons.map(({ code }) => `${name}:${code}`));
  for (const reason of [...own, ...besides]) {
    const excuse = unreachable[reason];
    const excused =
      excuse !== undefined && (excuse.without === undefined || (await probe(excuse.without)).answer === 'no');
    if (excused) t.notOk(reached.has(reason), `${reason}: ${excuse.because}`);
    else t.ok(reached.has(reason), `${reason} was reached`);
  }
}

/** Runs `act` and expects exactly one packet counted, for this reason, which is reached then. */
export async function expectReason(
  t: Test,
  { fast }: { readonly fast: FastPath },
  reached: Set<string>,
  name: string,
  expect: string,
  act: () => Promise<unknown> | unknown,
): Promise<void> {
  const before = fast.counts();
  await act();
  await delay(30);
  const counts = difference(before, fast.counts());
  t.strictSame(counts, { [expect]: 1 }, `${name}: ${expect}`);
  for (const seen of Object.keys(counts)) reached.add(seen);
}
