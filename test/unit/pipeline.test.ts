// SPDX-License-Identifier: Apache-2.0
// The assembler: from graph, rules, library and capabilities to pipelines, or to every sort of reason why there is none.
// Its rules are of no real subsystem: the assembler must not know any.

import t from 'tap';
import { buildGraph } from '../../src/graph/build.js';
import type { Desired, DesiredInterface } from '../../src/model/desired.js';
import type { LeasePolicy } from '../../src/model/lease.js';
import type { FpmLibrary } from '../../src/model/library.js';
import type { Hook, RuleSet } from '../../src/model/ruleset.js';
import type { Capability, Message } from '../../src/model/snapshot.js';
import { buildObjects } from '../../src/objects/build.js';
import { assemble } from '../../src/pipeline/assemble.js';
import { fpm, libraryOf, ruleSet } from '../support/rule-set.js';

const objects = `
sources:
  links: { spec: rt-link, dump: getlink }
objects:
  dev:
    source: links
    key: ifindex
    label: name
    attributes:
      ifindex: { path: ifi_index, type: int }
      name: { path: ifname, type: string }
      kind: { path: kind, type: string, default: "" }
      hub: { path: hub, type: int, default: 0 }
      up: { path: up, type: bool, default: true }
      native: { path: native, type: bool, default: true }
      slow: { path: slow, type: bool, default: false }
      mute: { path: mute, type: bool, default: false }
      peer: { path: peer, type: int, default: 0 }
      size: { path: size, type: int, default: 5 }
      text: { path: text, type: string, default: "" }
  hub: { refines: dev, when: dev.kind == 'hub' }
  member: { refines: dev, when: dev.hub != 0 }
dependencies:
  member_of: { from: member, to: hub, on: { hub: ifindex }, label: member of }
  cable: { from: dev, to: dev, on: { peer: ifindex } }
`;
const attach = `
attach:
  dev:
    bind:
      all: { all: dev }
    hooks:
      - hook: xdp
        requires:
          - code: not-native
            unless: dev.native
            message: the driver of \${dev.name} is not native
        avoid:
          - code: costs-much
            when: dev.slow
            message: XDP costs much on \${dev.name}
            hint: use tc
        transmit:
          - code: is-mute
            when: dev.mute
            message: \${dev.name} cannot transmit
      - hook: tc
        requires:
          - code: too-many
            when: size(all) > 9
            message: too many devices
`;
const relaying = `
services:
  relaying:
    on: { m: member }
    bind:
      hub: { edge: member_of }
      cables: { edge: cable, reverse: true, many: true }
    requires:
      - code: small-hub
        unless: hub.size >= 5
        message: hub \${hub.name} is too small
        hint: make \${hub.name} larger
        object: hub
        live: relay
    blockedBy:
      - code: member-down
        unless: m.up
        message: \${m.name} is down
      - code: hub-down
        unless: hub.up
        message: hub \${hub.name} is down
        object: hub
      - code: knotted
        when: size(cables) > 1
        message: \${m.name} has \${size(cables)} cables, the first to \${cables[0].name}
    modules:
      - fpm: relay
        params: { size: hub.size, loud: "!m.mute" }
      - fpm: extra
        when: m.size > 5
      - fpm: frame
`;
const library = libraryOf(
  fpm('frame', { order: 10 }),
  fpm('relay', {
    order: 20,
    params: { size: { type: 'u32', default: 0, doc: '' }, loud: { type: 'bool', default: false, doc: '' } },
    needs: ['kfunc:a', 'btf:b.c'],
  }),
  fpm('extra', { order: 15 }),
);
const able: readonly Capability[] = ['kfunc:a', 'btf:b.c'].map((probe) => ({ probe, answer: 'yes', evidence: '' }));
const rules = ruleSet(objects + attach + relaying, library);

const hub = { ifi_index: 1, ifname: 'h', kind: 'hub' };
const member = { ifi_index: 2, ifname: 'a', hub: 1 };

interface Case {
  readonly rules?: RuleSet;
  readonly library?: FpmLibrary;
  readonly capabilities?: readonly Capability[];
  readonly hooks?: readonly (readonly [string, Hook])[];
  readonly lease?: LeasePolicy;
}

function desire(links: readonly Message[], given: Case = {}): Desired {
  const set = given.rules ?? rules;
  return assemble({
    rules: set,
    library: given.library ?? library,
    graph: buildGraph(set, buildObjects(set, { sources: { links }, sysctls: {} })),
    capabilities: given.capabilities ?? able,
    forcedHooks: new Map(given.hooks),
    lease: given.lease ?? { scope: 'off', seconds: 0 },
  });
}

function on(name: string, desired: Desired): DesiredInterface {
  const found = desired.interfaces.find((i) => i.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

const codes = (i: DesiredInterface) => i.reasons.map((reason) => reason.code);

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

t.test('a service can be meant for some objects of its type only, and two services speak with one voice', async (t) => {
  const some = relaying.replace('requires:', "when: m.name != 'b'\n    requires:");
  const twice = `${some}${relaying.replace('services:', '').replace('relaying:', 'more:')}`;
  const b = { ...member, ifi_index: 3, ifname: 'b' };
  const one = desire([hub, member, b], { rules: ruleSet(objects + attach + some, library) });
  t.same(on('a', one).services, ['relaying']);
  t.same(on('b', one).reasons, [{ code: 'no-service', message: 'nothing that a rule accelerates is configured on b' }]);

  const rules = ruleSet(objects + attach + twice, library);
  const both = desire([hub, member, b], { rules });
  t.same(on('a', both).services, ['more', 'relaying']);
  t.same(on('b', both).services, ['more']);
  const small = desire([{ ...hub, size: 1 }, member, b], { rules });
  t.same(
    ['a', 'b'].map((name) => on(name, small).reasons.map(({ code }) => code)),
    [['small-hub'], ['small-hub']],
    'what speaks against both is said once',
  );

  const lacking = libraryOf(
    ...['frame', 'relay', 'extra'].map((name) => library.modules.find((one) => one.name === name) ?? fpm(name)),
    fpm('rare', { needs: ['btf:d.e'] }),
  );
  const rare = ruleSet(objects + attach + twice.replace(/(- fpm: frame\n)$/, '$1      - fpm: rare\n'), lacking);
  const without = on('a', desire([hub, member, b], { rules: rare, library: lacking }));
  t.same(without.services, ['relaying'], 'a service that the kernel cannot run does not take the other along');
  t.same(
    without.reasons.map(({ code }) => code),
    ['kernel-lacks'],
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

const second = `
  counting:
    on: { d: dev }
    hooks: [tc]
    blockedBy:
      - code: is-hub
        when: d.kind == 'hub'
        message: \${d.name} is a hub
    modules:
      - fpm: frame
      - fpm: count
        params: { size: d.size }
`;

t.test('services on one device share a pipeline', async (t) => {
  const both = libraryOf(
    ...library.modules,
    fpm('count', { order: 5, params: { size: { type: 'u32', default: 0, doc: '' } } }),
  );
  const given = { rules: ruleSet(objects + attach + relaying + second, both), library: both };
  const a = on('a', desire([hub, member], given));
  t.same(a.services, ['counting', 'relaying']);
  t.same(a.pipeline?.modules, ['count', 'frame', 'relay'], 'each FPM once');
  t.equal(a.pipeline?.hook, 'tc', 'a hook that all of them work at');
  t.match(a.hookNotes, [{ code: 'hook-unsuitable', message: 'a service on a cannot run at xdp' }]);

  const half = on('a', desire([hub, { ...member, up: false }], given));
  t.same(
    [half.services, half.pipeline?.modules, codes(half)],
    [['counting'], ['count', 'frame'], ['member-down']],
    'one of two is better than none, and says what the other lacks',
  );
  const down = `- { code: member-down, unless: d.up, message: "\${d.name} is down" }`;
  const common = second.replace('- code: is-hub', `${down}\n      - code: is-hub`);
  const alike = { rules: ruleSet(objects + attach + relaying + common, both), library: both };
  t.same(
    on('a', desire([hub, { ...member, up: false }], alike)).reasons,
    [{ code: 'member-down', message: 'a is down', services: ['relaying', 'counting'] }],
    'what both have in common is told once',
  );
  t.same(codes(on('h', desire([hub, member], given))), ['is-hub']);
});

t.test('a service that runs at one hook alone takes no other with it', async (t) => {
  const sorting = `
  sorting:
    on: { d: dev }
    hooks: [xdp]
    when: d.kind != 'hub'
    modules:
      - fpm: frame
      - fpm: relay
        params: { size: d.size, loud: "!d.mute" }
`;
  const rules = relaying + sorting;
  const given = { rules: ruleSet(objects + attach + rules, library) };
  const fast = on('a', desire([hub, member], given));
  t.same([fast.pipeline?.hook, fast.services, fast.hookNotes], ['xdp', ['relaying', 'sorting'], []]);
  const slow = on('a', desire([hub, { ...member, slow: true }], given));
  t.same([slow.pipeline?.hook, slow.services], ['tc', ['relaying']], 'where it is not chosen, the others run');
  t.match(slow.reasons, [
    { code: 'hook-unsuitable', message: 'sorting does not run at tc, where the others do', services: ['sorting'] },
  ]);
  const alone = on('b', desire([hub, { ...member, ifi_index: 3, ifname: 'b', hub: 0, slow: true }], given));
  t.equal(alone.pipeline, undefined, 'nor does it run at a hook that it was not made for');
});

t.test('a module can be for one hook of its service', async (t) => {
  const both = libraryOf(
    ...library.modules,
    fpm('count', { order: 5, params: { size: { type: 'u32', default: 0, doc: '' } } }),
  );
  const counting = second
    .replace('hooks: [tc]', 'hooks: [xdp, tc]')
    .replace(
      '- fpm: count\n        params: { size: d.size }',
      '- fpm: count\n        hooks: [xdp]\n        params: { size: "1" }\n      - fpm: count\n        hooks: [tc]\n        when: d.size > 5\n        params: { size: "2" }',
    );
  const given = { rules: ruleSet(`${objects}${attach}services:${counting}`, both), library: both };
  const at = (more: Message) => on('b', desire([{ ...member, ifname: 'b', hub: 0, ...more }], given)).pipeline;
  t.match(at({}), { hook: 'xdp', modules: ['count', 'frame'], params: { count: { size: 1 } } });
  t.match(at({ slow: true }), { hook: 'tc', modules: ['frame'] });
  t.match(at({ slow: true, size: 6 }), { hook: 'tc', modules: ['count', 'frame'], params: { count: { size: 2 } } });
});

t.test('services that want one FPM differently are a conflict', async (t) => {
  const clash = second.replace('fpm: count', 'fpm: relay').replace('size: d.size', 'size: d.size + 1, loud: "true"');
  const everywhere = clash.replace('hooks: [tc]', 'hooks: [xdp, tc]');
  const both = on('a', desire([hub, member], { rules: ruleSet(objects + attach + relaying + everywhere, library) }));
  t.same(both.reasons, [{ code: 'param-conflict', message: 'services disagree on the parameters of FPM relay' }]);
  t.equal(both.pipeline, undefined);
  const given = { rules: ruleSet(objects + attach + relaying + clash, library) };
  const elsewhere = on('a', desire([hub, member], given));
  t.same([elsewhere.pipeline?.hook, elsewhere.services], ['xdp', ['relaying']], 'at a hook where one of them runs');
  t.same(codes(on('a', desire([hub, { ...member, slow: true }], given))), [
    'hook-unsuitable',
    'costs-much',
    'param-conflict',
  ]);
  const agree = clash.replace('d.size + 1', 'd.size');
  t.same(codes(on('a', desire([hub, member], { rules: ruleSet(objects + attach + relaying + agree, library) }))), []);
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
