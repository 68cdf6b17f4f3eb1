// SPDX-License-Identifier: Apache-2.0
// Offload features by name: joins ethtool's compact bitsets with the string set that names their bits.
import type { BundledOperations } from './bundled.js';
import type { NetlinkClient } from './client.js';
import type { EthtoolFeatures } from './generated/ethtool.js';

export interface DeviceFeatures {
  readonly ifindex: number;
  readonly name: string;
  /** Names of the features that are on, as in `ethtool -k`'s kernel names, e.g. `tx-generic-segmentation`. */
  readonly active: readonly string[];
}

type EthtoolClient = NetlinkClient<BundledOperations['ethtool']>;

const compactBitsets = 1;
const featuresSet = 4;

async function featureNames(client: EthtoolClient): Promise<ReadonlyMap<number, string>> {
  const reply = await client.do('strset-get', {
    header: {},
    stringsets: { stringset: [{ id: featuresSet }] },
  });
  const names = new Map<number, string>();
  for (const set of reply.stringsets?.stringset ?? []) {
    for (const { index, value } of set.strings?.string ?? []) {
      if (index !== undefined && value !== undefined) names.set(index, value);
    }
  }
  return names;
}

function namesOf(words: readonly number[], names: ReadonlyMap<number, string>): string[] {
  const found: string[] = [];
  words.forEach((word, at) => {
    for (let bit = 0; bit < 32; bit++) {
      if ((word & (1 << bit)) !== 0) found.push(names.get(at * 32 + bit) ?? `bit-${at * 32 + bit}`);
    }
  });
  return found;
}

function describe(reply: EthtoolFeatures, names: ReadonlyMap<number, string>): DeviceFeatures {
  return {
    ifindex: reply.header?.dev_index ?? 0,
    name: reply.header?.dev_name ?? '',
    active: namesOf(reply.active?.value ?? [], names),
  };
}

/**
 * Active features of all devices in the client's namespace, or of one.
 * @throws NetlinkError, e.g. `ENODEV`
 */
export async function ethtoolFeatures(client: EthtoolClient, ifindex?: number): Promise<DeviceFeatures[]> {
  const names = await featureNames(client);
  const header = { flags: compactBitsets };
  if (ifindex !== undefined) {
    return [describe(await client.do('features-get', { header: { ...header, dev_index: ifindex } }), names)];
  }
  const replies = await client.dump('features-get', { header });
  return replies.map((reply) => describe(reply, names));
}
