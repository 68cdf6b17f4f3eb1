// SPDX-License-Identifier: Apache-2.0
// The assembler: from graph, rules, library and capabilities to pipelines, or to every sort of reason why there is none.

import t from 'tap';
import type { LeasePolicy } from '../../src/model/lease.js';
import type { RuleSet } from '../../src/model/ruleset.js';
import type { Message } from '../../src/model/snapshot.js';
import {
  attach,
  type Case,
  codes,
  desire,
  hub,
  library,
  member,
  objects,
  on,
  relaying,
  rules,
  second,
} from '../support/hub-rules.js';
import { fpm, libraryOf, ruleSet } from '../support/rule-set.js';

t.test('a device that a service serves gets a pipeline', async (t) => {
  const desired = desire([hub, member]);
  const a = on('a', desired);
  t.equal(a.pipeline?.hook, 'xdp', 'the first hook is the best');
  t.same(a.pipeline?.modules, ['frame', 'relay'], "in the library's order, those left out whose condition is false");
  t.same(a.pipeline?.params, { relay: { loud: 1, size: 5 } }, 'parameters as numbers');
  t.match(a.pipeline?.id, /^[0-9a-f]{12}$/);
  t.same([a.services, a.reasons, a.hookNotes], [['relaying'], [], []]);
  t.same(
    a.assumptions.map((assumption) => [assumption.code, assumption.coverage, assumption.fpm]),
    [
      ['small-hub', 'live', 'relay'],
      ['member-down', 'controller', undefined],
      ['hub-down', 'controller', undefined],
      ['knotted', 'controller', undefined],
      ['not-native', 'controller', undefined],
      ['is-mute', 'controller', undefined],
    ],
    'what the service and the chosen hook take for granted',
  );
  t.same(desired.egress, [{ name: 'a', ifindex: 2 }], 'devices that are served and may transmit');
  t.same(codes(on('h', desired)), ['no-service']);
});

t.test('a parameter, a module or the library changes the identity; nothing else does', async (t) => {
  const id = (of: Message, given: Case = {}) => on('a', desire([{ ...hub }, of], given)).pipeline?.id;
  const usual = id(member);
  t.equal(id({ ...member, ifi_index: 7 }), usual, 'interfaces share a pipeline');
  t.not(id({ ...member, mute: true }), usual, 'a parameter');
  t.not(id({ ...member, size: 6 }), usual, 'a module');
  t.same(on('a', desire([hub, { ...member, size: 6 }])).pipeline?.modules, ['frame', 'extra', 'relay']);
  t.not(id({ ...member, slow: true }), usual, 'the hook');
  t.not(id(member, { library: { ...library, hash: 'f'.repeat(64) } }), usual, 'the library');
  const reversed = ruleSet(
    (objects + attach + relaying).replace('{ size: hub.size, loud: "!m.mute" }', '{ loud: "!m.mute", size: hub.size }'),
  );
  t.equal(id(member, { rules: reversed }), usual, 'the order in which parameters are written');
});

t.test('conditions that speak against a service become reasons', async (t) => {
  const desired = desire([
    { ...hub, size: 3, up: false },
    { ...member, up: false },
  ]);
  const a = on('a', desired);
  t.same(a.reasons, [
    { code: 'small-hub', message: 'hub h is too small', hint: 'make h larger', object: 'h', services: ['relaying'] },
    { code: 'member-down', message: 'a is down', services: ['relaying'] },
    { code: 'hub-down', message: 'hub h is down', object: 'h', services: ['relaying'] },
  ]);
  t.same([a.pipeline, a.services, a.assumptions], [undefined, [], []]);
});

t.test('a service whose object depends on one that is not there says so', async (t) => {
  t.same(on('a', desire([member])).reasons, [
    { code: 'incomplete', message: 'a has no hub, which relaying depends on', services: ['relaying'] },
  ]);
});

t.test('edges of what an object refines are its own too, in both directions', async (t) => {
  const cabled = (n: number) => Array.from({ length: n }, (_, i) => ({ ifi_index: 20 + i, ifname: `c${i}`, peer: 2 }));
  t.same(on('a', desire([hub, member, ...cabled(1)])).reasons, []);
  t.same(on('a', desire([hub, member, ...cabled(2)])).reasons, [
    { code: 'knotted', message: 'a has 2 cables, the first to c0', services: ['relaying'] },
  ]);
});

t.test('a condition that cannot be evaluated counts as holding', async (t) => {
  const risky = relaying
    .replace('when: m.size > 5', 'when: "true"')
    .replace('unless: m.up', "when: m.text.split(',')[1] == 'x'");
  const given = { rules: ruleSet(objects + attach + risky, library) };
  t.same(codes(on('a', desire([hub, { ...member, text: 'no comma' }], given))), ['member-down']);
  t.same(codes(on('a', desire([hub, { ...member, text: 'a,b' }], given))), []);
});

t.test('what a rule says of one interface, and cannot be evaluated there, leaves all others as they are', async (t) => {
  const both = libraryOf(
    ...library.modules,
    fpm('count', { order: 5, params: { size: { type: 'u8', default: 0, doc: '' } } }),
  );
  const odd = { ifi_index: 3, ifname: 'odd', hub: 1, size: 0 };
  const certain = on('a', desire([hub, member, odd], { library: both })).pipeline;
  const cases: readonly (readonly [string, string])[] = [
    ['whether a service is meant for it', relaying.replace('    bind:', '    when: 10 / m.size > 0\n    bind:')],
    ['whether it gets an FPM', relaying.replace('when: m.size > 5', 'when: 10 / m.size > 9')],
    ['a parameter', relaying.replace('size: hub.size', 'size: 10 / m.size + 3')],
  ];
  for (const [what, service] of cases) {
    const given = { rules: ruleSet(objects + attach + service, both), library: both };
    const desired = desire([hub, member, odd], given);
    t.same(on('a', desired).pipeline, certain, `${what}: another one is accelerated`);
    t.same([on('odd', desired).pipeline, codes(on('odd', desired))], [undefined, ['rule-evaluation']], what);
    t.match(
      on('odd', desired).reasons[0]?.message,
      /^cannot evaluate 10 \/ m\.size .*\(test\.yaml:\d+:\d+\): .*zero/,
      what,
    );
  }

  const counting = second.replace('size: d.size', 'size: 300 / d.size');
  const given = { rules: ruleSet(objects + attach + relaying + counting, both), library: both };
  const desired = desire([hub, { ...member, size: 2 }, odd, { ...member, ifi_index: 4, ifname: 'b', size: 1 }], given);
  t.same([on('a', desired).services, codes(on('a', desired))], [['counting', 'relaying'], []]);
  t.same(
    [on('odd', desired).services, codes(on('odd', desired))],
    [['relaying'], ['rule-evaluation']],
    'only the service',
  );
  t.match(on('b', desired), {
    services: ['relaying'],
    reasons: [{ message: /size of FPM count would be 300.*not a u8/ }],
  });
});

t.test('where it cannot be told whether an object exists, what depends on it is left to the kernel', async (t) => {
  const doubtful = `${objects.replace("when: dev.kind == 'hub'", "when: 10 / (dev.size - 7) != 0 && dev.kind == 'hub'")}`;
  const given = { rules: ruleSet(doubtful + attach + relaying, library) };
  const zero = { ifi_index: 9, ifname: 'z', kind: 'hub', size: 7 };
  const other = { ifi_index: 3, ifname: 'o', hub: 9 };
  const desired = desire([hub, member, zero, other], given);
  t.same(codes(on('a', desired)), [], 'those of another hub are accelerated');
  t.same([on('o', desired).pipeline, codes(on('o', desired))], [undefined, ['rule-evaluation']]);
  const every = relaying.replace('    bind:', '    bind:\n      hubs: { all: hub }');
  const all = desire([hub, member, zero, other], { rules: ruleSet(doubtful + attach + every, library) });
  t.same(
    [codes(on('a', all)), codes(on('o', all))],
    [['rule-evaluation'], ['rule-evaluation']],
    'or on all of its type',
  );
  const devices = doubtful.replace('    label: name', '    label: name\n    when: 10 / dev.size > 0');
  const last = desire([hub, member, { ...other, hub: 1, size: 0 }], {
    rules: ruleSet(devices + attach + relaying, library),
  });
  t.same([codes(on('o', last)), last.egress], [['rule-evaluation'], []], 'a device, which nothing is sent to, either');
});

t.test('the same input gives the same output, byte for byte, in whatever order messages come', async (t) => {
  const links = [hub, member, { ...member, ifi_index: 3, ifname: 'b', slow: true }, { ifi_index: 4, ifname: 'c' }];
  t.equal(JSON.stringify(desire(links)), JSON.stringify(desire([...links].reverse())));
});

t.test('what no FPM sees is trusted under a lease only', async (t) => {
  const blind = 'only a running controller would notice: member-down, hub-down, knotted, not-native, is-mute';
  const withLease = libraryOf(...library.modules, fpm('lease', { order: 5 }), fpm('up', { order: 30, guard: true }));
  const modules = (rules: RuleSet, scope: LeasePolicy['scope'], library = withLease) =>
    on('a', desire([hub, member], { rules, library, lease: { scope, seconds: 60 } })).pipeline?.modules;
  t.same(modules(rules, 'needed'), ['lease', 'frame', 'relay'], 'the pipeline begins with it');
  t.same(modules(rules, 'off'), ['frame', 'relay'], 'the operator may take the risk');
  const refused = on('a', desire([hub, member], { library: withLease, lease: { scope: 'refused', seconds: 0 } }));
  t.same(
    [refused.pipeline, refused.reasons.map((reason) => [reason.code, reason.message])],
    [undefined, [['needs-controller', blind]]],
  );
  t.same(codes(on('a', desire([hub, member], { lease: { scope: 'needed', seconds: 60 } }))), ['fpm-missing']);

  const watched = (objects + attach + relaying)
    .replaceAll(/^( +)message: .*(down|cables\[0\].*)$/gm, '$&\n$1live: [up, lease]')
    .replace(/^( +)message: .*transmit$/m, '$&\n$1live: up')
    .replace(/^( +)message: .*native.*$/m, '$&\n$1live: attachment')
    .replace('- fpm: frame\n', '- fpm: frame\n      - fpm: up\n      - fpm: lease\n');
  const seen = ruleSet(watched, withLease);
  t.throws(
    () => ruleSet(watched.replace('live: [up, lease]', 'live: [up, leash]'), withLease),
    /unknown FPM "leash"; did you mean "lease"/,
    'each of several FPMs must exist',
  );
  t.same(
    on('a', desire([hub, member], { rules: seen, library: withLease })).assumptions.map((a) => [
      a.code,
      a.coverage,
      a.fpm,
    ]),
    [
      ['small-hub', 'live', 'relay'],
      ['member-down', 'guard', 'up'],
      ['hub-down', 'guard', 'up'],
      ['knotted', 'guard', 'up'],
      ['not-native', 'attachment', undefined],
      ['is-mute', 'guard', 'up'],
    ],
  );
});
