// SPDX-License-Identifier: Apache-2.0
// Ways to forward on the same path: how each is put in force, how that is proved, how it is taken out again.

import { type ForwardingPath, sourceAddresses } from './path.js';
import { programObject } from './programs.js';
import type { BareHook } from './station-protocol.js';
import type { Tna } from './tna.js';

export const bridgeVariants = ['linux', 'tna-xdp', 'tna-tc', 'redirect-xdp', 'reading-xdp', 'redirect-tc'] as const;
export const routerVariants = [
  'linux',
  'tna-xdp',
  'fib-xdp',
  'tna-tc',
  'redirect-xdp',
  'reading-router-xdp',
  'redirect-tc',
] as const;
export type BridgeVariant = (typeof bridgeVariants)[number];
export type RouterVariant = (typeof routerVariants)[number];
export type VariantName = BridgeVariant | RouterVariant;

/** `what` Linux does without TNA: a bridge, a router. */
export function variantLabel(name: VariantName, what: string): string {
  const labels: Readonly<Record<VariantName, string>> = {
    linux: `Linux ${what}`,
    'tna-xdp': 'TNA by XDP',
    'fib-xdp': 'XDP that asks bpf_fib_lookup(), and nothing else',
    'tna-tc': 'TNA by TCX',
    'redirect-xdp': 'bare XDP redirect (devmap): the ceiling',
    'reading-xdp': 'the same, and 44 reads of kernel memory',
    'reading-router-xdp': 'the same, and 100 reads of kernel memory',
    'redirect-tc': 'bare tc redirect',
  };
  return labels[name];
}

export interface Variant<Name extends VariantName = VariantName> {
  readonly name: Name;
  readonly label: string;
  enter(): Promise<void>;
  /** Throws when the frames sent since `enter` did not go the way of this variant. */
  check(sent: number): Promise<void>;
  leave(): Promise<void>;
}

export interface VariantOptions<Name extends VariantName> {
  readonly names: readonly Name[];
  readonly path: ForwardingPath;
  readonly tna: Tna;
  /** What Linux does without TNA: a bridge, a router. */
  readonly what: string;
  /** So many of the frames may take the slow path. */
  slowAllowed(sent: number): number;
}

/** For a bridge, so that the kernel refreshes what it knows of each source now and then. */
export function bridgeSlowAllowed(sent: number): number {
  return 2 * sourceAddresses + sent * 0.02;
}

export function makeVariants<Name extends VariantName>(options: VariantOptions<Name>): readonly Variant<Name>[] {
  return options.names.map((name) => ({ name, label: variantLabel(name, options.what), ...behaviour(name, options) }));
}

type Behaviour = Omit<Variant, 'name' | 'label'>;

function behaviour(name: VariantName, options: Omit<VariantOptions<VariantName>, 'names'>): Behaviour {
  switch (name) {
    case 'linux':
      return linux(options.path);
    case 'tna-xdp':
    case 'tna-tc':
      return accelerated(variantLabel(name, options.what), name === 'tna-xdp' ? 'xdp' : 'tc', options);
    case 'fib-xdp':
      return bare(variantLabel(name, options.what), 'xdp', 'forward', options.path);
    case 'reading-xdp':
      return bare(variantLabel(name, options.what), 'xdp', 'reading', options.path);
    case 'reading-router-xdp':
      return bare(variantLabel(name, options.what), 'xdp', 'reading', options.path, 'reading_router');
    case 'redirect-xdp':
    case 'redirect-tc':
      return bare(variantLabel(name, options.what), name === 'redirect-xdp' ? 'xdp' : 'tc', 'redirect', options.path);
  }
}

function programsOn(path: ForwardingPath, ifindex: number) {
  return path.station.ask('attached', { netns: path.netns, ifindex });
}

function linux(path: ForwardingPath): Behaviour {
  return {
    enter: async () => undefined,
    check: async () => {
      for (const port of [path.ingress, path.egress]) {
        const { xdp, tc } = await programsOn(path, port.ifindex);
        if (xdp + tc > 0) throw new Error(`${port.name} still has a program: this is not plain Linux`);
      }
    },
    leave: async () => undefined,
  };
}

function accelerated(
  label: string,
  hook: BareHook,
  { path, tna, slowAllowed }: Omit<VariantOptions<VariantName>, 'names'>,
): Behaviour {
  return {
    enter: async () => {
      await tna.run('--hook', hook, 'reconcile', '--once');
    },
    check: async (sent) => {
      const { counters, hook: used, reasons } = await tna.statusOf(path.ingress.name);
      if (used === hook && counters.fast >= sent - slowAllowed(sent) && counters.fast <= sent) return;
      const slow = counters.reasons.map((reason) => `${reason.packets} ${reason.fpm}/${reason.code}`).join(', ');
      const why = reasons.map((reason) => reason.message).join('; ');
      throw new Error(
        `${label}: ${counters.fast} of ${sent} frames took the fast path on ${used ?? 'no hook'} (slow: ${slow || 'none'}) ${why}`,
      );
    },
    leave: async () => {
      await tna.detach();
    },
  };
}

function bare(
  label: string,
  hook: BareHook,
  file: 'redirect' | 'reading' | 'forward',
  path: ForwardingPath,
  name: string = file,
): Behaviour {
  return {
    enter: async () => {
      const [ifindex, egress] = [path.ingress.ifindex, path.egress.ifindex];
      // A router looks for what the route says, the others have a single device to send to.
      const key = file === 'forward' ? egress : 0;
      const object = await programObject(file);
      await path.station.ask('redirect', { netns: path.netns, hook, object, name, ifindex, egress, key });
    },
    check: async () => {
      const on = await programsOn(path, path.ingress.ifindex);
      if (on[hook] !== 1 || on.xdp + on.tc !== 1) throw new Error(`${label} is not alone on p1`);
    },
    leave: async () => {
      await path.station.ask('release', {});
    },
  };
}
