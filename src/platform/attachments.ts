// SPDX-License-Identifier: Apache-2.0
// BPF programs of others on the devices' hooks: what we must not disturb and whose packets we must not take.

import { queryTcx } from 'bpf-loader-native';
import { NetlinkClient } from 'netlink-ts';
import type { Message } from '../model/snapshot.js';

/** RTEXT_FILTER_SKIP_STATS of include/uapi/linux/rtnetlink.h. */
const skipStatistics = 8;

/** What of the programs on devices is ours: links by id, and the ids of our XDP dispatchers. */
export interface OwnPrograms {
  readonly links: ReadonlySet<number>;
  readonly xdp: ReadonlySet<number>;
}

/**
 * One message per device that carries foreign programs: `{ifindex, xdp: [id], tc_ingress: [id], tc_egress: [id]}`.
 * Programs attached through links that we pinned are ours.
 */
export async function readForeignAttachments(own: OwnPrograms): Promise<readonly Message[]> {
  const client = await NetlinkClient.open({ spec: 'rt-link' });
  try {
    const links = await client.dump('getlink', { ext_mask: skipStatistics }, { only: ['xdp'] });
    return links.flatMap((link) => {
      const ifindex = link.ifi_index ?? 0;
      const xdp = xdpPrograms(link.xdp).filter((id) => !own.xdp.has(id));
      const message = {
        ifindex,
        xdp,
        tc_ingress: tcx(ifindex, 'ingress', own.links),
        tc_egress: tcx(ifindex, 'egress', own.links),
      };
      return message.xdp.length + message.tc_ingress.length + message.tc_egress.length === 0 ? [] : [message];
    });
  } finally {
    client.close();
  }
}

/** IFLA_XDP as far as it concerns us. */
interface XdpAttribute {
  readonly prog_id?: number | undefined;
  readonly drv_prog_id?: number | undefined;
  readonly skb_prog_id?: number | undefined;
  readonly hw_prog_id?: number | undefined;
}

function xdpPrograms(xdp: XdpAttribute | undefined): readonly number[] {
  const ids = [xdp?.prog_id, xdp?.drv_prog_id, xdp?.skb_prog_id, xdp?.hw_prog_id];
  return [...new Set(ids.filter((id): id is number => id !== undefined && id !== 0))];
}

/** A kernel without TCX has no programs there; a device that has just gone has none either. */
function tcx(ifindex: number, direction: 'ingress' | 'egress', own: ReadonlySet<number>): readonly number[] {
  try {
    return queryTcx(ifindex, direction)
      .programs.filter(({ linkId }) => !own.has(linkId))
      .map(({ programId }) => programId);
  } catch {
    return [];
  }
}
