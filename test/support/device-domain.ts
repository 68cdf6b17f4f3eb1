// SPDX-License-Identifier: Apache-2.0
// The least that the loop can have rules about: devices that get a pipeline while they are up, say, and their messages.

import type { Domain } from '../../src/model/ports.js';
import type { RuleSet } from '../../src/model/ruleset.js';
import { fpm, libraryOf, ruleSet } from './rule-set.js';

const library = libraryOf(fpm('frame'));
const hookedLibrary = libraryOf(fpm('frame'), fpm('oddity', { order: 200 }), fpm('lease', { order: 5 }));
const devices = `
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
`.trimStart();
/** Devices of which the condition holds get no pipeline. */
export const rulesWith = (condition: string, of = library): RuleSet =>
  ruleSet(
    `
${devices}      up: { path: up, type: bool, default: true }
attach:
  dev: { hooks: [{ hook: tc }] }
services:
  passing:
    on: { d: dev }
    blockedBy: [{ code: down, when: "${condition}", message: it is down }]
    modules: [{ fpm: frame }]
`,
    of,
  );
/** Devices that go to XDP unless their driver has refused it, with another FPM once something about them is odd. */
const hookedRules = ruleSet(
  `
${devices}      refused: { path: refused, type: bool, default: false }
      odd: { path: odd, type: bool, default: false }
attach:
  dev:
    hooks:
      - { hook: xdp, requires: [{ code: xdp-refused, when: dev.refused, message: its driver refuses }] }
      - { hook: tc }
services:
  passing:
    on: { d: dev }
    modules: [{ fpm: frame }, { fpm: oddity, when: d.odd }]
`,
  hookedLibrary,
);
export const hookedDomain: Domain = {
  rules: hookedRules,
  library: hookedLibrary,
  lease: { scope: 'off', seconds: 0 },
};
export const domain: Domain = { rules: rulesWith('!d.up'), library, lease: { scope: 'off', seconds: 0 } };
export const link = (ifindex: number, up = true) => ({ ifi_index: ifindex, ifname: `p${ifindex}`, up });
