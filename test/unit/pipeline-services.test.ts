// SPDX-License-Identifier: Apache-2.0
// The assembler: several services on one device.

import t from 'tap';
import type { Message } from '../../src/model/snapshot.js';
import { attach, codes, desire, hub, library, member, objects, on, relaying, second } from '../support/hub-rules.js';
import { fpm, libraryOf, ruleSet } from '../support/rule-set.js';

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
