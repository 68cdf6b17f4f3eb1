// SPDX-License-Identifier: Apache-2.0
// What the kernel that runs here can be configured to do.

import { probe } from 'bpf-loader-native';

/** Bridges that filter VLANs (CONFIG_BRIDGE_VLAN_FILTERING). */
export const vlanFiltering = (await probe('btf:net_bridge_port.vlgrp')).answer === 'yes';
