// SPDX-License-Identifier: Apache-2.0
// Settings of bridge ports, drawn for a configuration and for its changes. Those that the kernel or iproute2 refuses are
// refused on both sides alike.

import type { PortPlan, Step } from './configuration.js';
import type { Random } from './random.js';

type Tool = Step['tool'];

/** `PORT` and `OTHER` (another port of the same bridge) are filled in. */
const settings: readonly (readonly (readonly [tool: Tool, text: string])[])[] = [
  ...[
    'isolated on',
    'isolated on',
    'isolated off',
    'learning off',
    'learning on',
    'hairpin on',
    'hairpin off',
    'flood off',
    'mcast_flood off',
    'bcast_flood off',
    'locked on',
    'locked on learning off',
    'locked off',
    'neigh_suppress on',
    'neigh_suppress off',
    'guard on',
    'root_block on',
    'fastleave on',
    'mcast_router 2',
    'mcast_to_unicast on',
    'vlan_tunnel on',
    'cost 9',
  ].map((text) => [['bridge', `link set dev PORT ${text}`] as const]),
  ...[
    'proxy_arp on',
    'proxy_arp_wifi on',
    'group_fwd_mask 16392',
    'backup_port OTHER',
    'backup_port OTHER',
    'nobackup_port',
  ].map((text) => [['ip', `link set PORT type bridge_slave ${text}`] as const]),
  [['rtnl', 'port PORT neigh_vlan_suppress 1']],
  [
    ['bridge', 'link set dev PORT locked on'],
    ['rtnl', 'port PORT mab 1'],
  ],
];

/** One setting of a port, as the commands that make it. */
export function drawPortSetting(random: Random, ports: readonly PortPlan[], port: PortPlan): Step[] {
  const others = ports.filter((one) => one !== port && one.bridge === port.bridge);
  const other = others.length === 0 ? port : random.pick(others);
  return random
    .pick(settings)
    .map(([tool, text]) => ({ tool, text: text.replace('PORT', port.name).replace('OTHER', other.name) }));
}
