// SPDX-License-Identifier: Apache-2.0
// Which of the kernel's network selftests are run with TNA off and on: those that make a bridge with ports, or route.

export interface Selftest {
  /** Script, relative to tools/testing/selftests/net. */
  readonly script: string;
  /** For the table: what a reader of the result should know. */
  readonly remark?: string;
  /** Only these of the script's own tests, where all of them take too long. */
  readonly tests?: string;
  /** Expression of sed by which the script is changed before it runs, on both sides; the remark says why. */
  readonly edit?: string;
  /** On the running kernel, in namespaces of its own: emulated, it takes more than an hour with TNA. */
  readonly unshared?: true;
  /** For the script, besides what all of them get. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How a script is told to do only some of its tests. */
export function narrowed(
  script: string,
  tests: string,
): Pick<Selftest, 'environment'> & { arguments: readonly string[] } {
  if (script.startsWith('forwarding/')) return { environment: { TESTS: tests }, arguments: [] };
  if (script === 'pmtu.sh') return { arguments: tests.split(' ') };
  return { arguments: ['-t', tests] };
}

/** What single scripts need. */
const particulars: Readonly<Record<string, Omit<Selftest, 'script'>>> = {
  'forwarding/router_mpath_nh.sh': {
    remark:
      'while VRFs were Linux\'s alone, no interface of it was attached; since they are fast, "NH stats test IPv4" asks for groups with `hw_stats` to be left to Linux, without which it failed (240146 packets, uncounted; now, run alone, 120160 fast, 120012 ip4_route:statistics)',
  },
  'forwarding/bridge_igmp.sh': {
    edit: 's/mcast_last_member_interval 500$/mcast_last_member_interval 6000/',
    remark:
      'run with `mcast_last_member_interval` 60 s in place of 5 s: three cases look at group members later, on an emulated processor, than these expire (as the script is, 2 of them were OK without TNA, 0 with it)',
  },
  // Some 190 pings that nobody is to answer, each of which waits as long as that.
  'forwarding/no_forwarding.sh': { environment: { PING_TIMEOUT: '1' } },
  'forwarding/sch_red.sh': {
    remark:
      'its senders are to fill 10 Mbit/s, which one emulated processor does not do steadily: cases vary there, without TNA more than with it',
  },
  // The other tests configure only, in part tens of thousands of entries, or repeat these with the families exchanged.
  'test_vxlan_mdb.sh': {
    tests:
      'encap_params_ipv4_ipv4 starg_exclude_ir_ipv4_ipv4 egress_vni_translation_ipv4_ipv4 all_zeros_mdb_ipv4 mdb_fdb_ipv4_ipv4 mdb_fdb_ipv6_ipv6',
  },
  // Namespaces anew for each of their cases or groups, and with TNA new controllers in each: some hundreds.
  'pmtu.sh': {
    unshared: true,
    remark: 'skipped is what that kernel does not have: tunnels other than VXLAN, Open vSwitch, dummy devices',
  },
  'icmp_redirect.sh': {
    unshared: true,
    remark: 'what does not pass are its cases with a VRF, which that kernel does not have',
  },
};

function scripts(names: readonly string[]): readonly Selftest[] {
  return names.map((script) => ({ script, ...particulars[script] }));
}

function forwarding(...names: readonly string[]): readonly Selftest[] {
  return scripts(names.map((name) => `forwarding/${name}.sh`));
}

function net(...names: readonly string[]): readonly Selftest[] {
  return scripts(names.map((name) => `${name}.sh`));
}

/** In this order: what is nearest to TNA first. */
export const selftests: readonly Selftest[] = [
  ...forwarding(
    'router',
    'router_nh',
    'router_broadcast',
    'router_multicast',
    'router_multipath',
    'router_mpath_nh',
    'router_mpath_nh_res',
    'router_mpath_seed',
    'router_vid_1',
    'custom_multipath_hash',
    'ip6_forward_instats_vrf',
    'tc_flower_router',
    'bridge_vlan_unaware',
    'bridge_vlan_aware',
    'bridge_sticky_fdb',
    'bridge_locked_port',
    'bridge_port_isolation',
    'bridge_fdb_learning_limit',
    'bridge_fdb_local_vlan_0',
    'bridge_activity_notify',
    'bridge_igmp',
    'bridge_mld',
    'bridge_mdb',
    'bridge_mdb_host',
    'bridge_mdb_max',
    'bridge_mdb_port_down',
    'bridge_vlan_mcast',
    'no_forwarding',
    'min_max_mtu',
    'tc_flower_l2_miss',
    'tc_flower_port_range',
    'tc_vlan_modify',
    'pedit_dsfield',
    'pedit_ip',
    'pedit_l4port',
    'skbedit_priority',
    'router_bridge',
    'router_bridge_1d',
    'router_bridge_1d_lag',
    'router_bridge_lag',
    'router_bridge_pvid_vlan_upper',
    'router_bridge_vlan',
    'router_bridge_vlan_upper',
    'router_bridge_vlan_upper_pvid',
    'sch_ets',
    'sch_red',
    'sch_tbf_ets',
    'sch_tbf_prio',
    'sch_tbf_root',
    'q_in_vni',
    'q_in_vni_ipv6',
    'dual_vxlan_bridge',
    'vxlan_asymmetric',
    'vxlan_asymmetric_ipv6',
    'vxlan_bridge_1d',
    'vxlan_bridge_1d_ipv6',
    'vxlan_bridge_1d_port_8472',
    'vxlan_bridge_1d_port_8472_ipv6',
    'vxlan_bridge_1q',
    'vxlan_bridge_1q_ipv6',
    'vxlan_bridge_1q_mc_ul',
    'vxlan_bridge_1q_port_8472',
    'vxlan_bridge_1q_port_8472_ipv6',
    'vxlan_reserved',
    'vxlan_symmetric',
    'vxlan_symmetric_ipv6',
    'mirror_gre_bound',
    'mirror_gre_bridge_1d',
    'mirror_gre_bridge_1d_vlan',
    'mirror_gre_bridge_1q',
    'mirror_gre_bridge_1q_lag',
    'mirror_gre_lag_lacp',
    'mirror_gre_vlan_bridge_1q',
  ),
  ...net(
    'bridge_stp_mode',
    'bridge_vlan_dump',
    'vlan_bridge_binding',
    'test_bridge_backup_port',
    'test_bridge_neigh_suppress',
    'fdb_flush',
    'fdb_notify',
    'test_vxlan_fdb_changelink',
    'test_vxlan_mdb',
    'test_vxlan_nolocalbypass',
    'test_vxlan_under_vrf',
    'test_vxlan_vnifiltering',
    'amt',
    'exception_cache',
    'traceroute',
    'vrf_route_leaking',
    'fib_tests',
    'fib_nexthops',
    'fib_nexthop_multiprefix',
    'fib_nexthop_nongw',
    'fib_rule_tests',
    'fib-onlink-tests',
    'icmp_redirect',
    'pmtu',
  ),
];

/** Scripts that make bridges or route and are not run, with the reason. */
export const leftOut: Readonly<Record<string, string>> = {
  'forwarding/tc_taprio.sh': 'needs NICs with hardware clocks',
  'fcnal-test.sh': 'sockets and VRF; its bridge has one port',
  'rtnetlink.sh': 'configuration only; no frame passes its bridges',
  'forwarding/local_termination.sh': 'needs msend and mreceive, which no package of Debian was found to have',
  'udpgro_fwd.sh': 'needs programs that have to be compiled first',
};
