// SPDX-License-Identifier: Apache-2.0
// Rules of no real subsystem, hubs with members, and what is desired by them: the assembler must not know any subsystem.

import { buildGraph } from '../../src/graph/build.js';
import type { Desired, DesiredInterface } from '../../src/model/desired.js';
import type { LeasePolicy } from '../../src/model/lease.js';
import type { FpmLibrary } from '../../src/model/library.js';
import type { Hook, RuleSet } from '../../src/model/ruleset.js';
import type { Capability, Message } from '../../src/model/snapshot.js';
import { buildObjects } from '../../src/objects/build.js';
import { assemble } from '../../src/pipeline/assemble.js';
import { fpm, libraryOf, ruleSet } from './rule-set.js';

export const objects = `
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
export const attach = `
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
export const relaying = `
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
export const library = libraryOf(
  fpm('frame', { order: 10 }),
  fpm('relay', {
    order: 20,
    params: { size: { type: 'u32', default: 0, doc: '' }, loud: { type: 'bool', default: false, doc: '' } },
    needs: ['kfunc:a', 'btf:b.c'],
  }),
  fpm('extra', { order: 15 }),
);
export const able: readonly Capability[] = ['kfunc:a', 'btf:b.c'].map((probe) => ({
  probe,
  answer: 'yes',
  evidence: '',
}));
export const rules = ruleSet(objects + attach + relaying, library);

export const hub = { ifi_index: 1, ifname: 'h', kind: 'hub' };
export const member = { ifi_index: 2, ifname: 'a', hub: 1 };

export interface Case {
  readonly rules?: RuleSet;
  readonly library?: FpmLibrary;
  readonly capabilities?: readonly Capability[];
  readonly hooks?: readonly (readonly [string, Hook])[];
  readonly lease?: LeasePolicy;
}

export function desire(links: readonly Message[], given: Case = {}): Desired {
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

export function on(name: string, desired: Desired): DesiredInterface {
  const found = desired.interfaces.find((i) => i.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

export const codes = (i: DesiredInterface) => i.reasons.map((reason) => reason.code);

/** A service that runs at tc alone, on any device. */
export const second = `
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
