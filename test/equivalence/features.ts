// SPDX-License-Identifier: Apache-2.0
// What the kernel that runs here can be configured to do.

import { probe } from 'bpf-loader-native';

/** Bridges that filter VLANs (CONFIG_BRIDGE_VLAN_FILTERING). */
export const vlanFiltering = (await probe('btf:net_bridge_port.vlgrp')).answer === 'yes';

/** VRF devices (CONFIG_NET_VRF, its module loaded). */
export const vrfDevices = (await probe('btf:net_vrf.tb_id')).answer === 'yes';

/** VLAN devices (CONFIG_VLAN_8021Q, its module loaded). */
export const vlanDevices = (await probe('btf:vlan_info.grp')).answer === 'yes';
