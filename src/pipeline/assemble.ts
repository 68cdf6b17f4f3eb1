// SPDX-License-Identifier: Apache-2.0
// The fast-path assembler: from the graph and the rules to the pipeline of every interface, or the reasons why it has none.

import type { Assumption, Desired, DesiredInterface, Pipeline, Reason } from '../model/desired.js';
import { type ForcedHooks, forcedHook } from '../model/forced-hooks.js';
import type { Graph, TnaObject } from '../model/graph.js';
import type { LeasePolicy } from '../model/lease.js';
import { type FpmLibrary, leaseFpm } from '../model/library.js';
import type { AttachRule, Hook, RuleSet } from '../model/ruleset.js';
import type { Capability } from '../model/snapshot.js';
import { assumptionsOf } from './conditions.js';
import { EgressDevices, type Served } from './egress.js';
import { type AtHook, chooseHook } from './hooks.js';
import { type LibraryView, type Params, viewLibrary } from './library-view.js';
import { type GraphIndex, indexGraph, lineage } from './scope.js';
import { against, avoidedAt, runsAt, type ServiceInstance, serviceInstances } from './services.js';
import { WantedFpms } from './wanted.js';

export interface AssembleInput {
  readonly rules: RuleSet;
  readonly library: FpmLibrary;
  readonly graph: Graph;
  readonly capabilities: readonly Capability[];
  readonly forcedHooks: ForcedHooks;
  readonly lease: LeasePolicy;
}

/** Pure and deterministic: the same input gives the same desired state, byte for byte. */
export function assemble(input: AssembleInput): Desired {
  const index = indexGraph(input.graph);
  const library = viewLibrary(input.library, input.capabilities);
  const instances = instancesByDevice(serviceInstances(input.rules, index), index, input.rules);
  const devices = input.rules.attach.flatMap((rule) =>
    index.ofType(rule.type).map((device): Served => ({ device, rule, instances: instances.get(device.id) ?? [] })),
  );
  const egressDevices = new EgressDevices(
    devices.filter((one) => one.instances.length > 0),
    index,
    input.forcedHooks,
  );
  const byIfindex = (a: { ifindex: number }, b: { ifindex: number }) => a.ifindex - b.ifindex;
  const kept: Kept = { wanted: new WantedFpms(input.library), builds: new Builds() };
  const interfaces = devices
    .map((served) => desiredInterface(served, egressDevices, index, library, kept, input))
    .sort(byIfindex);
  const senders = new Set(interfaces.flatMap((i) => (i.pipeline?.hook === 'xdp' ? [i.ifindex] : [])));
  if (senders.size === 0) return { interfaces, egress: [] };
  const egress: { name: string; ifindex: number }[] = [];
  const unreachable = new Map<number, readonly Reason[]>();
  for (const served of egressDevices.reachable(
    devices.filter(({ device }) => senders.has(ifindexOf(device))),
    'xdp',
  )) {
    const against = egressDevices.reasons(served);
    if (against.length === 0) egress.push({ name: served.device.label, ifindex: ifindexOf(served.device) });
    else unreachable.set(ifindexOf(served.device), against);
  }
  return {
    interfaces: interfaces.map((i) => ({
      ...i,
      reasons: [...i.reasons, ...left(i, unreachable.get(i.ifindex) ?? [])],
    })),
    egress: egress.sort(byIfindex),
  };
}

/** Where a device has several services, those that can be had at no hook of this kernel stand back rather than take the others along. */
function runnable(
  given: readonly ServiceInstance[],
  wanted: WantedFpms,
  library: LibraryView,
): { readonly active: readonly ServiceInstance[]; readonly unable: readonly Reason[] } {
  if (given.length < 2) return { active: given, unable: [] };
  const obstacles = given.map((instance) => {
    const [first = [], ...others] = instance.service.hooks.map((hook) => together([instance], hook, wanted, library));
    return others.every((reasons) => reasons.length > 0) ? against(instance.service, first) : [];
  });
  const active = given.filter((_, index) => obstacles[index]?.length === 0);
  return active.length === 0 ? { active: given, unable: [] } : { active, unable: obstacles.flat() };
}

/** Why the FPMs of these services cannot run at a hook in one pipeline. */
function together(
  instances: readonly ServiceInstance[],
  hook: Hook,
  wanted: WantedFpms,
  library: LibraryView,
): readonly Reason[] {
  const all = wanted.of(instances, hook);
  return 'conflict' in all ? [all.conflict] : library.against(hook, all.names);
}

/** Two services on one device often have conditions in common: such a reason is one, against both. */
function joined(all: readonly Reason[]): readonly Reason[] {
  const known = new Map<string, Reason>();
  for (const { services = [], ...reason } of all) {
    const key = JSON.stringify(reason);
    known.set(key, { ...reason, services: [...new Set([...(known.get(key)?.services ?? []), ...services])] });
  }
  return known.size === all.length ? all : [...known.values()];
}

function different<T>(all: readonly T[]): readonly T[] {
  const known = new Map(all.map((one) => [JSON.stringify(one), one]));
  return known.size === all.length ? all : [...known.values()];
}

/** What a device that gets a pipeline, but to which others cannot send, is told of that. */
function left({ name, pipeline }: DesiredInterface, against: readonly Reason[]): readonly Reason[] {
  if (pipeline === undefined) return [];
  return against.map((reason) => ({ ...reason, message: `frames to ${name} take the slow path: ${reason.message}` }));
}

function desiredInterface(
  served: Served,
  egress: EgressDevices,
  index: GraphIndex,
  library: LibraryView,
  { wanted: wantedFpms, builds }: Kept,
  { forcedHooks, lease }: AssembleInput,
): DesiredInterface {
  const { device, rule, instances } = served;
  const identity = { name: device.label, ifindex: ifindexOf(device) };
  const { active, unable } = runnable(
    instances.filter((instance) => instance.reasons.length === 0),
    wantedFpms,
    library,
  );
  const reasons = joined([...instances.flatMap((instance) => instance.reasons), ...unable]);
  const idle = { ...identity, services: [], pipeline: undefined, hookNotes: [], assumptions: [] };
  if (instances.length === 0)
    return {
      ...idle,
      reasons: [{ code: 'no-service', message: `nothing that a rule accelerates is configured on ${device.label}` }],
    };
  if (active.length === 0) return { ...idle, reasons };
  const wish = forcedHook(forcedHooks, device.label);
  const suited = (hook: Hook) => active.filter((one) => runsAt(one, hook, wish));
  const wantedAt = (hook: Hook) => wantedFpms.of(suited(hook), hook);
  const at = (hook: Hook): AtHook => {
    const able = suited(hook);
    return {
      services: able.length,
      standBack: [
        ...joined(active.flatMap((one) => avoidedAt(one, hook, wish))),
        ...(active.every(({ service }) => service.hooks.includes(hook))
          ? []
          : [{ code: 'hook-unsuitable', message: `a service on ${device.label} cannot run at ${hook}` }]),
      ],
      obstacles: able.length === 0 ? [] : together(able, hook, wantedFpms, library),
    };
  };
  const choice = chooseHook(served, egress, index, at, forcedHooks);
  if (choice.hook === undefined)
    return {
      ...idle,
      reasons: [...reasons, ...different(choice.notes.map(({ hook: _hook, ...reason }) => reason))],
      hookNotes: choice.notes,
    };
  const { hook } = choice;
  const running = suited(hook);
  const services = running.map((instance) => instance.service.name).sort();
  const wanted = wantedAt(hook);
  if ('conflict' in wanted) return { ...idle, reasons: [...reasons, wanted.conflict] };
  const built = builds.of(`${rule.type} ${hook} ${wanted.key}`, () => {
    const assumptions = assumedBy(running, rule, hook, wanted.fpms, library);
    return { assumptions, ...underLease(hook, wanted.fpms, assumptions, library, lease) };
  });
  if ('reasons' in built) return { ...idle, reasons: [...reasons, ...built.reasons] };
  const { pipeline, assumptions } = built;
  const behind = active.filter((instance) => !running.includes(instance));
  const elsewhere = behind.flatMap((one) => {
    if (one.service.hooks.includes(hook)) return avoidedAt(one, hook, wish);
    const message = `${one.service.name} does not run at ${hook}, where the others do`;
    return against(one.service, [{ code: 'hook-unsuitable', message }]);
  });
  return {
    ...identity,
    services,
    pipeline,
    reasons: joined([...reasons, ...elsewhere]),
    hookNotes: choice.notes,
    assumptions,
  };
}

/** What is worked out once for all interfaces that have it in common. */
interface Kept {
  readonly wanted: WantedFpms;
  readonly builds: Builds;
}

type Build = { readonly assumptions: readonly Assumption[] } & ReturnType<typeof underLease>;

/** What interfaces of the same sort get: of thousands, most want the same, and it is worked out once. */
class Builds {
  private readonly known = new Map<string, Build>();

  of(sort: string, make: () => Build): Build {
    const found = this.known.get(sort);
    if (found !== undefined) return found;
    const made = make();
    this.known.set(sort, made);
    return made;
  }
}

/** What the services, the hook and, where the hook has egress devices of its own, those devices are taken to be. */
function assumedBy(
  active: readonly ServiceInstance[],
  rule: AttachRule,
  hook: Hook,
  modules: ReadonlyMap<string, Params>,
  library: LibraryView,
): readonly Assumption[] {
  const fpms = new Set(modules.keys());
  const chosen = rule.hooks.find((candidate) => candidate.hook === hook);
  const conditions = [
    ...active.flatMap(({ service }) => [...service.requires, ...service.blockedBy]),
    ...(chosen?.requires ?? []),
  ];
  return [
    ...different(assumptionsOf(conditions, fpms, library.isGuard)),
    ...assumptionsOf(chosen?.transmit ?? [], fpms, library.isGuard).map(
      (one): Assumption => ({ ...one, egress: true }),
    ),
  ];
}

/** The pipeline, with the lease that it needs: what no FPM sees is only trusted while a controller vouches for it. */
function underLease(
  hook: Hook,
  modules: ReadonlyMap<string, Params>,
  assumptions: readonly Assumption[],
  library: LibraryView,
  { scope }: LeasePolicy,
): { readonly pipeline: Pipeline } | { readonly reasons: readonly Reason[] } {
  const unseen = assumptions.filter(({ coverage }) => coverage === 'controller').map(({ code }) => code);
  if (scope === 'off' || (scope !== 'all' && unseen.length === 0)) return { pipeline: library.pipeline(hook, modules) };
  if (scope === 'refused')
    return {
      reasons: [
        {
          code: 'needs-controller',
          message: `only a running controller would notice: ${unseen.join(', ')}`,
          hint: 'run `tna reconcile` without --once, or take the risk with --lease off',
        },
      ],
    };
  const against = library.against(hook, [leaseFpm]);
  if (against.length > 0) return { reasons: against };
  return { pipeline: library.pipeline(hook, new Map([...modules, [leaseFpm, {}]])) };
}

/** Services attach to the device that their subject is, or refines. */
function instancesByDevice(
  instances: readonly ServiceInstance[],
  index: GraphIndex,
  rules: RuleSet,
): ReadonlyMap<string, readonly ServiceInstance[]> {
  const types = new Set(rules.attach.map((rule) => rule.type));
  const byDevice = new Map<string, ServiceInstance[]>();
  for (const instance of instances) {
    const device = lineage(index, instance.subject).find((object) => types.has(object.type));
    if (device === undefined) continue;
    const list = byDevice.get(device.id);
    if (list === undefined) byDevice.set(device.id, [instance]);
    else list.push(instance);
  }
  return byDevice;
}

/** Attach rules are only for types with this attribute; the rules stage checks it. */
function ifindexOf(device: TnaObject): number {
  return Number(device.attributes.ifindex);
}
