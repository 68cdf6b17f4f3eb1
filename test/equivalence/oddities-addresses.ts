// SPDX-License-Identifier: Apache-2.0
// Directed cases about the FDB: kinds of entries, odd addresses, ageing, and what user space is told.

import {
  bridgeOption,
  cut,
  everybody,
  flow,
  frame,
  hello,
  mac,
  type Oddity,
  ownBridge,
  ownPort,
  staticEntry,
  step,
  stranger,
} from './oddity.js';

const group = '01:00:5e:01:02:03';
const lldp = '01:80:c2:00:00:0e';
const all = ['p1', 'p2', 'p3'];
const pause = [step('wait', '1200')];
const talk = [...flow(0, 1), ...flow(1, 0)];

/** An entry that is left alone for five seconds shows, by two seconds at least. */
const often = <T>(part: readonly T[]): T[] => [...part, ...part, ...part, ...part, ...part];

export const addressOddities: readonly Oddity[] = [
  {
    // Linux does not mark these as used, so they look unused soon: they must be new.
    name: 'static group addresses',
    change: [group, lldp, everybody].map((to) => staticEntry(to, 'p2')),
    frames: [group, lldp, everybody].map((to) => ({ port: 0, bytes: frame(to, mac(0)) })),
    aims: ['l2_control:multicast', 'l2_control:broadcast', 'l2_control:link-local'],
    fast: all,
  },
  {
    name: 'static odd sources',
    setup: [group, '00:00:00:00:00:00'].map((from) => staticEntry(from, 'p1')),
    frames: [group, '00:00:00:00:00:00'].map((from) => ({ port: 0, bytes: frame(mac(1), from) })),
    aims: ['l2_control:invalid-source'],
  },
  {
    name: 'strangers',
    frames: [
      { port: 0, bytes: frame(stranger, mac(0)) },
      { port: 0, bytes: frame(mac(1), '02:00:5e:70:00:02') },
    ],
    aims: ['bridge_fdb:fdb-miss', 'bridge_source:source-unknown'],
    fast: all,
  },
  {
    name: 'a station that moves',
    script: [...hello, ...talk, ...talk, ...talk, { port: 2, bytes: frame(mac(1), mac(0)) }, ...flow(1, 0, 3), ...talk],
    aims: ['bridge_source:source-moved'],
  },
  { name: 'static', setup: [staticEntry(stranger, 'p2')], frames: [{ port: 0, bytes: frame(stranger, mac(0)) }] },
  { name: 'sticky elsewhere', setup: [step('bridge', `fdb replace ${mac(0)} dev p3 master static sticky`)] },
  {
    name: 'sticky at home',
    setup: [step('bridge', `fdb replace ${mac(0)} dev p1 master dynamic sticky`)],
    frames: flow(0, 1),
    fast: ['p1'],
  },
  {
    name: 'learnt by somebody else',
    setup: [step('bridge', `fdb replace ${mac(0)} dev p1 master dynamic extern_learn`)],
    frames: flow(0, 1),
    fast: ['p1'],
  },
  {
    name: 'learnt by somebody else, elsewhere',
    setup: [step('bridge', `fdb replace ${mac(0)} dev p3 master dynamic extern_learn`)],
  },
  {
    // Linux does not mark a local entry as used, so it looks unused soon: it must be new.
    name: 'permanent elsewhere',
    change: [step('bridge', `fdb replace ${mac(1)} dev p3 master permanent`)],
    aims: ['bridge_fdb:fdb-local'],
  },
  { name: 'permanent at home', change: [step('bridge', `fdb replace ${mac(1)} dev p2 master permanent`)] },
  {
    name: 'addresses that the ports themselves filter for',
    setup: [step('bridge', `fdb add 02:00:5e:71:00:01 dev p1 self permanent`)],
    frames: [{ port: 1, bytes: frame('02:00:5e:71:00:01', mac(1)) }, ...talk],
    fast: all,
  },
  { name: 'flushed', change: [bridgeOption('fdb_flush')] },
  {
    name: 'addresses of the bridge and its ports',
    frames: [ownBridge, ownPort(0), ownPort(1)].flatMap((own) => [
      { port: 0, bytes: frame(own, mac(0)) },
      { port: 0, bytes: frame(mac(1), own) },
    ]),
    aims: ['bridge_source:source-local'],
  },
  {
    name: 'short tagged frames',
    frames: [18, 19, 20, 22].map((length) => cut(0x8100, length)),
    aims: ['frame:tagged-runt@xdp'],
  },
  {
    name: 'short PPPoE frames',
    frames: [15, 18, 21, 22, 26].map((length) => cut(0x8864, length, '1100000100020021')),
    aims: ['guard_bridge_nf:encap-short'],
  },
  {
    // Somebody else's frames mark the destination, so that what keeps the source alive are its own.
    name: 'sources in use',
    activity: true,
    script: [...hello, ...talk, ...often([pause, ...flow(2, 1), ...flow(0, 1, 3)])],
    aims: ['bridge_source:source-stale'],
    fast: ['p1'],
  },
  {
    name: 'destinations in use',
    activity: true,
    script: [...hello, ...talk, ...often([pause, ...flow(0, 2), ...flow(0, 1, 3)])],
    aims: ['bridge_fdb:fdb-use-stale'],
    fast: ['p1'],
  },
  {
    name: 'ageing while in use',
    setup: [bridgeOption('ageing_time 300')],
    script: [...hello, ...talk, ...often([pause, ...flow(2, 1), ...flow(0, 1, 3), ...flow(1, 0)])],
    aims: ['bridge_source:source-stale'],
    fast: ['p1'],
  },
  {
    name: 'activity to be reported',
    activity: true,
    script: [...hello, ...talk, ...flow(0, 1, 3), [step('rtnl', `fdb p1 ${mac(0)} notify`)], ...flow(0, 1, 3)],
    aims: ['bridge_source:source-inactive'],
  },
];
