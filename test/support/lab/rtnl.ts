// SPDX-License-Identifier: Apache-2.0
// Settings of bridges, bridge ports and FDB entries that the kernel knows and the distribution's iproute2 need not know yet:
// rtnetlink requests for the agent's `rtnl`, built from words as `bridge` and `ip` would take them.

import { little, mac } from './frame.js';

/** A 32-bit number in host order, which is little-endian wherever this is tested. */
const little32 = (value: number): string => little(value & 0xffff) + little((value >>> 16) & 0xffff);

function attribute(type: number, payload: string): string {
  const length = payload.length / 2 + 4;
  return `${little(length)}${little(type)}${payload}${'00'.repeat((4 - (length % 4)) % 4)}`;
}

/** nlmsghdr (NLM_F_REQUEST | NLM_F_ACK and `flags`), fixed part, attributes. */
function message(type: number, flags: number, fixed: string, attributes: string): string {
  const body = fixed + attributes;
  return `${little32(16 + body.length / 2)}${little(type)}${little(5 | flags)}${little32(1)}${little32(0)}${body}`;
}

const text = (value: string): string => `${Buffer.from(value).toString('hex')}00`;
const byte = (value: number): string => value.toString(16).padStart(2, '0');

/** IFLA_BRPORT_*: number and size in bytes. */
const portAttributes: Readonly<Record<string, readonly [type: number, bytes: 1 | 4]>> = {
  locked: [39, 1],
  mab: [40, 1],
  neigh_vlan_suppress: [43, 1],
  backup_nhid: [44, 4],
};

/** IFLA_BR_*. */
const bridgeAttributes: Readonly<Record<string, readonly [type: number, bytes: 1 | 4]>> = {
  fdb_max_learned: [49, 4],
};

/** Bits of IFLA_BR_MULTI_BOOLOPT (46), whose value is struct br_boolopt_multi: values, and which of them are meant. */
const bridgeSwitches: Readonly<Record<string, number>> = { mst: 1 << 2 };

function linkData(kindAttribute: number, type: number, value: string): string {
  const data = attribute(kindAttribute + 1, attribute(type, value));
  // RTM_NEWLINK, AF_UNSPEC; IFLA_LINKINFO (18)
  return message(16, 0, '00'.repeat(16), attribute(18, attribute(kindAttribute, text('bridge')) + data));
}

function setting(known: typeof portAttributes, kindAttribute: number, name: string, value: string): string {
  const bit = known === bridgeAttributes ? bridgeSwitches[name] : undefined;
  if (bit !== undefined) {
    return linkData(kindAttribute, 46, little32(value === '1' ? bit : 0) + little32(bit));
  }
  const [type, bytes] = known[name] ?? [];
  if (type === undefined) {
    throw new Error(`no such setting: ${name}`);
  }
  return linkData(kindAttribute, type, bytes === 1 ? byte(Number(value)) : little32(Number(value)));
}

/**
 * The agent's request for `port DEV NAME VALUE`, `bridge DEV NAME VALUE`, or `fdb DEV MAC notify`: an entry whose next
 * activity is to be reported (NFEA_ACTIVITY_NOTIFY with both of its bits).
 */
export function rtnlRequest(words: string): string {
  const [what, device, name, value] = words.split(' ') as [string, string, string, string];
  if (what === 'port') {
    // IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA
    return `rtnl ${device} ${setting(portAttributes, 4, name, value)}`;
  }
  if (what === 'bridge') {
    // IFLA_INFO_KIND, IFLA_INFO_DATA
    return `rtnl ${device} ${setting(bridgeAttributes, 1, name, value)}`;
  }
  // RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE; AF_BRIDGE, NUD_NOARP, NTF_MASTER; NDA_LLADDR, NDA_FDB_EXT_ATTRS (nested)
  const fixed = `07${'00'.repeat(3)}${'00'.repeat(4)}${little(0x40)}0400`;
  const attributes = attribute(2, mac(name)) + attribute(14 | 0x8000, attribute(1, '03'));
  return `rtnl ${device} ${message(28, 0x500, fixed, attributes)}`;
}
