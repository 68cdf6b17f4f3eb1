// SPDX-License-Identifier: Apache-2.0
// Ways to forward on the same path: how each is put in force, how that is proved, how it is taken out again.

import { type ForwardingPath, sourceAddresses } from './path.js';
import { programObject } from './programs.js';
import type { BareHook } from './station-protocol.js';
import type { Tna } from './tna.js';

export const variantNames = ['linux', 'tna-xdp', 'tna-tc', 'redirect-xdp', 'redirect-tc'] as const;
export type VariantName = (typeof variantNames)[number];

export const variantLabels: Readonly<Record<VariantName, string>> = {
  linux: 'Linux bridge',
  'tna-xdp': 'TNA by XDP',
  'tna-tc': 'TNA by TCX',
  'redirect-xdp': 'bare XDP redirect (devmap): the ceiling',
  'redirect-tc': 'bare tc redirect',
};

export interface Variant {
  readonly name: VariantName;
  enter(): Promise<void>;
  /** Throws when the frames sent since `enter` did not go the way of this variant. */
  check(sent: number): Promise<void>;
  leave(): Promise<void>;
}

/** So many frames may take the slow path, so that the kernel refreshes what it knows of each source now and then. */
function slowAllowed(sent: number): number {
  return 2 * sourceAddresses + sent * 0.02;
}

export function makeVariants(path: ForwardingPath, tna: Tna): readonly Variant[] {
  const programsOn = (ifindex: number) => path.station.ask('attached', { netns: path.netns, ifindex });

  const linux: Variant = {
    name: 'linux',
    enter: async () => undefined,
    check: async () => {
      for (const port of [path.ingress, path.egress]) {
        const { xdp, tc } = await programsOn(port.ifindex);
        if (xdp + tc > 0) throw new Error(`${port.name} still has a program: this is not the plain Linux bridge`);
      }
    },
    leave: async () => undefined,
  };

  const accelerated = (name: VariantName, hook: BareHook): Variant => ({
    name,
    enter: async () => {
      await tna.run('--hook', hook, 'reconcile', '--once');
    },
    check: async (sent) => {
      const { counters, hook: used, reasons } = await tna.statusOf(path.ingress.name);
      if (used === hook && counters.fast >= sent - slowAllowed(sent) && counters.fast <= sent) return;
      const slow = counters.reasons.map((reason) => `${reason.packets} ${reason.fpm}/${reason.code}`).join(', ');
      const why = reasons.map((reason) => reason.message).join('; ');
      throw new Error(
        `${variantLabels[name]}: ${counters.fast} of ${sent} frames took the fast path on ${used ?? 'no hook'} (slow: ${slow || 'none'}) ${why}`,
      );
    },
    leave: async () => {
      await tna.detach();
    },
  });

  const bare = (name: VariantName, hook: BareHook): Variant => ({
    name,
    enter: async () => {
      const object = await programObject('redirect');
      const [ifindex, egress] = [path.ingress.ifindex, path.egress.ifindex];
      await path.station.ask('redirect', { netns: path.netns, hook, object, ifindex, egress });
    },
    check: async () => {
      const on = await programsOn(path.ingress.ifindex);
      if (on[hook] !== 1 || on.xdp + on.tc !== 1) throw new Error(`${variantLabels[name]} is not alone on p1`);
    },
    leave: async () => {
      await path.station.ask('release', {});
    },
  });

  return [
    linux,
    accelerated('tna-xdp', 'xdp'),
    accelerated('tna-tc', 'tc'),
    bare('redirect-xdp', 'xdp'),
    bare('redirect-tc', 'tc'),
  ];
}
