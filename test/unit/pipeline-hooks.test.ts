// SPDX-License-Identifier: Apache-2.0
// The assembler: which hook a device's pipeline is for, by what requirements, wishes, services and the library allow.

import t from 'tap';
import type { Hook } from '../../src/model/ruleset.js';
import type { Capability } from '../../src/model/snapshot.js';
import {
  able,
  attach,
  codes,
  desire,
  hub,
  library,
  member,
  objects,
  on,
  relaying,
  second,
} from '../support/hub-rules.js';
import { fpm, libraryOf, ruleSet } from '../support/rule-set.js';

t.test('the hook is the best that requirements, wishes and the library allow', async (t) => {
  const slow = on('a', desire([hub, { ...member, slow: true }]));
  t.equal(slow.pipeline?.hook, 'tc');
  t.same(slow.hookNotes, [{ code: 'costs-much', message: 'XDP costs much on a', hint: 'use tc', hook: 'xdp' }]);
  t.same(slow.reasons, [], 'a passed-over hook is no reason against acceleration');
  t.same(desire([hub, { ...member, slow: true }]).egress, [], 'without XDP nothing is transmitted by XDP');
  t.equal(on('a', desire([hub, { ...member, native: false }])).pipeline?.hook, 'tc');

  const forced = on('a', desire([hub, { ...member, slow: true }], { hooks: [['*', 'xdp']] }));
  t.equal(forced.pipeline?.hook, 'xdp', 'a wish overrides what is to be avoided');
  const impossible = on('a', desire([hub, { ...member, native: false }], { hooks: [['a', 'xdp']] }));
  t.same(codes(impossible), ['not-native', 'hook-forced'], 'but never a requirement');
  t.same(
    impossible.hookNotes.map((note) => note.hook),
    ['xdp', 'tc'],
  );
  const hooks = [
    ['*', 'xdp'],
    ['a', 'tc'],
  ] as const;
  t.equal(
    on('a', desire([hub, member], { hooks })).pipeline?.hook,
    'tc',
    'the wish for one device goes before that for all',
  );
});

t.test('a service that had better not run at a hook stands back there, unless somebody insists', async (t) => {
  const avoid = `avoid:
      tc:
        - code: no-gain
          when: m.text == 'quick'
          message: Linux is quicker on \${m.name}
          hint: take XDP
`;
  const careful = relaying.replace('modules:', `${avoid}    modules:`);
  const given = { rules: ruleSet(objects + attach + careful, library) };
  const quick = { ...member, text: 'quick' };
  const reason = { code: 'no-gain', message: 'Linux is quicker on a', hint: 'take XDP', services: ['relaying'] };
  t.equal(on('a', desire([hub, quick], given)).pipeline?.hook, 'xdp', 'it says nothing of the other hook');
  t.equal(on('a', desire([hub, { ...member, slow: true }], given)).pipeline?.hook, 'tc', 'it does not hold');

  const idle = on('a', desire([hub, { ...quick, slow: true }], given));
  t.equal(idle.pipeline, undefined, 'XDP does not come in its place where that is to be avoided, too');
  t.same(codes(idle), ['costs-much', 'no-gain']);
  t.same(idle.reasons[1], reason);
  t.same(
    ['tc', 'xdp'].map((hook) => {
      const asked = { ...given, hooks: [['a', hook as Hook]] as const };
      return on('a', desire([hub, { ...quick, slow: true }], asked)).pipeline?.hook;
    }),
    ['tc', 'xdp'],
  );
  const elsewhere = { ...given, hooks: [['b', 'tc']] as const };
  t.equal(on('a', desire([hub, { ...quick, slow: true }], elsewhere)).pipeline, undefined, 'of this device');

  const beside = libraryOf(
    ...library.modules,
    fpm('count', { params: { size: { type: 'u32', default: 0, doc: '' } } }),
  );
  const two = { rules: ruleSet(objects + attach + careful + second, beside), library: beside };
  const other = on('a', desire([hub, quick], two));
  t.same(
    [other.services, other.pipeline?.hook],
    [['relaying'], 'xdp'],
    'of two hooks with one service each the better',
  );
  const slow = on('a', desire([hub, { ...quick, slow: true }], two));
  t.same([slow.services, slow.pipeline?.hook], [['counting'], 'tc'], 'it does not take the other service along');
  t.same(slow.reasons, [reason]);
  const sorting = second.replace('counting', 'sorting').replace('[tc]', '[xdp]');
  const none = { rules: ruleSet(objects + attach + careful + sorting, beside), library: beside };
  t.same(
    on('a', desire([hub, { ...quick, slow: true }], none)).hookNotes.map(({ code, hook }) => [code, hook]),
    [
      ['costs-much', 'xdp'],
      ['no-gain', 'tc'],
      ['hook-unsuitable', 'tc'],
    ],
    'what somebody could do about it comes first',
  );
  const more = careful.replace('services:', '').replace('relaying:', 'more:');
  const both = on(
    'a',
    desire([hub, { ...quick, slow: true }], { rules: ruleSet(objects + attach + careful + more, library) }),
  );
  t.same(both.reasons[1], { ...reason, services: ['relaying', 'more'] }, 'what both have in common is told once');
});

t.test('a device that no hook suits has the reasons of all hooks', async (t) => {
  const crowd = Array.from({ length: 10 }, (_, i) => ({ ifi_index: 10 + i, ifname: `d${i}` }));
  t.same(codes(on('a', desire([hub, { ...member, native: false }, ...crowd]))), ['not-native', 'too-many']);
});

t.test('XDP transmits only through devices that can', async (t) => {
  const desired = desire([
    hub,
    member,
    { ...member, ifi_index: 9, ifname: 'z', mute: true },
    { ...member, ifi_index: 3, ifname: 'b' },
    { ifi_index: 4, ifname: 'unserved' },
  ]);
  t.same(desired.egress, [
    { name: 'a', ifindex: 2 },
    { name: 'b', ifindex: 3 },
  ]);
  t.same(
    desired.interfaces.map((i) => i.ifindex),
    [1, 2, 3, 4, 9],
    'in order of ifindex',
  );
});

t.test('a hook by which no frame could leave is not chosen', async (t) => {
  const within = ruleSet(objects + attach + relaying.replace('requires:', 'between: hub\n    requires:'), library);
  const given = { rules: within };
  const b = { ...member, ifi_index: 3, ifname: 'b' };
  const elsewhere = [
    { ...hub, ifi_index: 11, ifname: 'h2' },
    { ...member, ifi_index: 12, ifname: 'c', hub: 11 },
    { ...member, ifi_index: 13, ifname: 'd', hub: 11 },
  ];
  t.equal(on('a', desire([hub, member, b, ...elsewhere], given)).pipeline?.hook, 'xdp');

  const mute = desire([hub, member, { ...b, mute: true }, ...elsewhere], given);
  const stuck = {
    code: 'xdp-no-egress',
    message: 'no device that frames from a go to can be sent XDP frames: b cannot transmit',
  };
  t.equal(on('a', mute).pipeline?.hook, 'tc', 'devices of another hub do not count');
  t.same(on('a', mute).hookNotes, [{ ...stuck, hook: 'xdp' }]);
  t.equal(on('b', mute).pipeline?.hook, 'xdp', 'its frames go to a');
  t.same(
    on('b', mute).reasons,
    [{ code: 'is-mute', message: 'frames to b take the slow path: b cannot transmit' }],
    'but none come to it',
  );
  t.same(
    mute.egress.map(({ name }) => name),
    ['a', 'c', 'd'],
  );

  const forced = desire([hub, member, { ...b, mute: true }], { ...given, hooks: [['*', 'xdp']] });
  t.equal(on('a', forced).pipeline, undefined);
  t.same(on('a', forced).reasons[0], stuck, 'not even if somebody insists');
  t.match(
    on('a', desire([hub, member], given)).hookNotes,
    [{ code: 'xdp-no-egress', message: 'there is no device that frames from a could go to' }],
    'a device is no way out for its own frames',
  );

  const provisional = attach.replace(/(message: \$\{dev.name\} cannot transmit)/, '$1\n            provisional: true');
  const later = desire([hub, { ...member, mute: true }, { ...b, mute: true }], {
    rules: ruleSet(objects + provisional + relaying.replace('requires:', 'between: hub\n    requires:'), library),
  });
  t.equal(on('a', later).pipeline?.hook, 'xdp', 'what attaching may cure does not speak against attaching');
  t.same(codes(on('a', later)), ['is-mute']);
  t.same(later.egress, []);
});

t.test('services that do not run at a hook open no way out by it', async (t) => {
  const both = libraryOf(
    ...library.modules,
    fpm('count', { order: 5, params: { size: { type: 'u32', default: 0, doc: '' } } }),
  );
  // Not among the members of a hub: its packets may go anywhere.
  const anywhere = second.replace('is-hub', 'never').replace("d.kind == 'hub'", 'd.size == 77');
  const within = objects + attach + relaying.replace('requires:', 'between: hub\n    requires:');
  const devices = [hub, member, { ...member, ifi_index: 3, ifname: 'b', mute: true }, { ifi_index: 9, ifname: 'far' }];
  const a = on('a', desire(devices, { rules: ruleSet(within + anywhere, both), library: both }));
  t.same([a.services, a.pipeline?.hook], [['counting', 'relaying'], 'tc']);
  t.match(a.hookNotes.at(-1), { code: 'xdp-no-egress', hook: 'xdp' });
});

t.test('an FPM that is missing, at another hook or beyond the kernel rules a hook out', async (t) => {
  const without = on('a', desire([hub, member], { library: libraryOf(fpm('frame')) }));
  t.same(without.reasons[0], { code: 'fpm-missing', message: 'the FPM library has no relay' });
  const relay = fpm('relay', { hooks: ['tc'] });
  const tcOnly = on('a', desire([hub, member], { library: libraryOf(fpm('frame'), relay) }));
  t.equal(tcOnly.pipeline?.hook, 'tc');
  t.match(tcOnly.hookNotes, [{ code: 'fpm-hook', hook: 'xdp', message: 'FPM relay cannot run at xdp' }]);

  const lacking = (answer: Capability['answer']) =>
    on(
      'a',
      desire([hub, member], {
        capabilities: [able[0] as Capability, { probe: 'btf:b.c', answer, evidence: 'no such member' }],
      }),
    );
  t.match(lacking('no').reasons[0], {
    code: 'kernel-lacks',
    message: 'this kernel lacks btf:b.c, which FPM relay needs: no such member',
  });
  t.match(lacking('unknown').reasons[0], { code: 'kernel-lacks', message: /^this kernel may lack btf:b\.c/ });
  const unasked = on('a', desire([hub, member], { capabilities: [able[0] as Capability] }));
  t.match(
    unasked.reasons[0],
    { code: 'kernel-lacks', message: /may lack btf:b\.c, .*it was not asked/ },
    'no answer is no yes',
  );
  t.equal(
    on('a', desire([hub, { ...member, up: false }], { capabilities: [] })).reasons.length,
    1,
    'no service, no questions',
  );
});

t.test('a device whose hooks depend on something that is not there has a reason', async (t) => {
  const bound = attach.replace('all: { all: dev }', 'uplink: { edge: uplink }\n      all: { all: dev }');
  const edges = `${objects}  uplink: { from: dev, to: hub, on: { hub: ifindex }, label: above }\n`;
  const given = {
    rules: ruleSet(edges + bound + relaying + second, undefined),
    library: libraryOf(...library.modules, fpm('count')),
  };
  const lonely = on('x', desire([hub, { ifi_index: 5, ifname: 'x' }], given));
  t.same(lonely.reasons, [{ code: 'incomplete', message: 'x has no uplink, which the choice of its hook depends on' }]);
  t.equal(on('a', desire([hub, member], given)).reasons.length, 0);
});
