// SPDX-License-Identifier: Apache-2.0
// Carries out the actions of a plan with BPF programs, maps, links and pins. One instance per process and namespace.

import {
  BpfError,
  BpfLink,
  BpfMap,
  BpfObject,
  BpfProgram,
  BpfTemplate,
  type MapDescription,
  type MapType,
  probe,
  queryTcx,
} from 'bpf-loader-native';
import { programOf } from '../library/compositions.js';
import { loadedModules, moduleProbes } from '../library/kernels.js';
import type { Pipeline } from '../model/desired.js';
import { deviceGoneCode, TnaError } from '../model/error.js';
import { type FpmLibrary, fpmParamVariable } from '../model/library.js';
import type { CounterReader, Deployer } from '../model/ports.js';
import type { Hook } from '../model/ruleset.js';
import { u32Key, u64sOf } from './bytes.js';
import { probeCapabilities } from './capabilities.js';
import { type MapShape, using } from './deployed.js';
import { errnoOf, failure } from './failure.js';
import { checkLibrary } from './fpm-library.js';
import { loadKernelModules } from './kernel-modules.js';
import type { PinDirectory } from './pin-directory.js';
import { countersMap, egressMap, type FilterPin, type Pin, type SharedMap, sharedMaps, slotsMap } from './pins.js';
import { attachFilter, detachFilter, filterModules } from './tc-filter.js';
import { windowOf } from './window.js';

interface Templates {
  /** By object: the program with all FPMs, and those with just some. */
  readonly pipelines: Map<string, Promise<BpfTemplate>>;
  readonly dispatcher: BpfTemplate;
  /** How the library's objects read kernel memory here. */
  readonly window: string;
  /** Shared maps that the templates refer to. */
  readonly maps: readonly HeldMap[];
  /** The kernel modules in which the templates found functions and types. */
  readonly modules: string;
}

type HeldMap = SharedMap & { readonly map: BpfMap };

export class BpfDeployer implements Deployer, CounterReader {
  /** Set when something failed: then not everything may be as the pins tell. */
  uncertain = false;
  private readonly templates = new Map<Hook, Promise<Templates>>();
  private readonly known = new Map<Hook, Promise<ReadonlyMap<string, MapShape>>>();

  constructor(
    private readonly built: FpmLibrary | undefined,
    private readonly directory: PinDirectory,
  ) {}

  /** Only what puts something in place needs it. */
  private get library(): FpmLibrary {
    if (this.built === undefined)
      throw new TnaError('fpm-library-missing', 'nothing can be loaded without an FPM library');
    return this.built;
  }

  async ready(pipelines: readonly Pipeline[]): Promise<void> {
    for (const pipeline of pipelines) await this.templateFor(pipeline).catch(() => undefined);
  }

  async prepare(hook: Hook, slots: number): Promise<void> {
    await this.attempt(`prepare ${hook}`, async () => {
      this.directory.ensure();
      await this.dropTemplates(hook);
      for (const { name } of sharedMaps(hook)) this.directory.unpin({ kind: 'map', name });
      for (const map of await this.describeMaps(hook)) this.createShared(hook, map, slots);
    });
  }

  async load(pipeline: Pipeline): Promise<void> {
    const { hook, id } = pipeline;
    await this.attempt(`load pipeline ${id}`, async () => {
      const { template, flags } = await this.templateFor(pipeline);
      const program = await template.specialise({
        program: this.library.hooks[hook].program,
        rodata: {
          ...rodataOf(pipeline, flags),
          ...(hook === 'xdp' ? { tna_netns: Number(this.directory.namespace) } : {}),
        },
      });
      const pin: Pin = { kind: 'pipeline', hook, id };
      this.directory.unpin(pin);
      using(program, () => program.pin(this.directory.pathOf(pin)));
    });
  }

  async unload(hook: Hook, id: string): Promise<void> {
    await this.attempt(`unload pipeline ${id}`, async () => this.directory.unpin({ kind: 'pipeline', hook, id }));
  }

  async attach(hook: Hook, ifindex: number, slot: number): Promise<void> {
    await this.attempt(`attach at ${hook} of ifindex ${ifindex}`, async () => {
      const { dispatcher } = await this.templatesOf(hook);
      this.zeroCounters(hook, slot);
      const program = await dispatcher.specialise({
        program: this.library.hooks[hook].dispatcher.program,
        rodata: { slot },
      });
      const pin: Pin = { kind: 'link', hook, ifindex, slot };
      try {
        if (hook === 'tc' && !(await hasTcx())) {
          await attachFilter(this.directory, { kind: 'filter', hook, ifindex, slot }, program);
          return;
        }
        // Native XDP or nothing: the generic hook costs every packet more than it gains.
        const link =
          hook === 'xdp'
            ? await attachXdp(ifindex, program)
            : await BpfLink.attachTcx({ ifindex, direction: 'ingress', program });
        // Closing an unpinned link detaches it, so a failing pin leaves nothing attached.
        using(link, () => {
          this.directory.unpin(pin);
          link.pin(this.directory.pathOf(pin));
        });
      } catch (cause) {
        throw isGone(ifindex, cause) ? deviceGone(cause) : cause;
      } finally {
        program.close();
      }
    });
  }

  async detach(hook: Hook, ifindex: number, slot: number): Promise<void> {
    await this.attempt(`detach from ${hook} of ifindex ${ifindex}`, async () => {
      const filter: FilterPin = { kind: 'filter', hook, ifindex, slot };
      if (this.directory.exists(filter)) await detachFilter(this.directory, filter);
      const pin: Pin = { kind: 'link', hook, ifindex, slot };
      if (!this.directory.exists(pin)) return;
      const link = BpfLink.openPinned(this.directory.pathOf(pin));
      try {
        if (link.info.ifindex !== 0) await link.detach();
      } finally {
        link.close();
      }
      this.directory.unpin(pin);
    });
  }

  async setSlot(hook: Hook, slot: number, pipeline: string): Promise<void> {
    await this.attempt(`set slot ${slot} of ${hook}`, async () => {
      using(BpfProgram.openPinned(this.directory.pathOf({ kind: 'pipeline', hook, id: pipeline })), (program) => {
        this.withMap(slotsMap(hook), (slots) => slots.set(u32Key(slot), u32Key(program.fd)));
      });
    });
  }

  async clearSlot(hook: Hook, slot: number): Promise<void> {
    await this.attempt(`clear slot ${slot} of ${hook}`, async () => this.emptySlot(hook, slot));
  }

  async setEgress(ifindex: number): Promise<void> {
    await this.attempt(`add ifindex ${ifindex} to the egress map`, async () => {
      try {
        this.withMap(egressMap, (map) => map.set(u32Key(ifindex), u32Key(ifindex)));
      } catch (cause) {
        throw isGone(ifindex, cause) ? deviceGone(cause) : cause;
      }
    });
  }

  async clearEgress(ifindex: number): Promise<void> {
    await this.attempt(`remove ifindex ${ifindex} from the egress map`, async () =>
      this.withMap(egressMap, (map) => map.delete(u32Key(ifindex))),
    );
  }

  async dismantle(hook: Hook): Promise<void> {
    await this.attempt(`dismantle ${hook}`, async () => {
      await this.dropTemplates(hook);
      for (const { name } of sharedMaps(hook)) this.directory.unpin({ kind: 'map', name });
    });
  }

  async removeStray(pin: string): Promise<void> {
    await this.attempt(`remove stray pin ${pin}`, async () => this.directory.removeFile(pin));
  }

  async counters(hook: Hook, slot: number): Promise<readonly number[]> {
    return this.attempt(`read counters of slot ${slot}`, async () => {
      // Somebody who detaches meanwhile takes them along.
      if (!this.directory.exists({ kind: 'map', name: countersMap(hook) })) return [];
      return this.withMap(countersMap(hook), (map) => {
        const perCpu = (map.getPerCpu(u32Key(slot)) ?? []).map(u64sOf);
        return (perCpu[0] ?? []).map((_, i) => perCpu.reduce((sum, values) => sum + (values[i] ?? 0), 0));
      });
    });
  }

  /** What the library wants the shared maps of a hook to be like; undefined without one. */
  async shapes(hook: Hook): Promise<ReadonlyMap<string, MapShape> | undefined> {
    if (this.built === undefined) return undefined;
    let known = this.known.get(hook);
    if (known === undefined) {
      known = this.describeMaps(hook).then((maps) => new Map(maps.map((map) => [map.name, map])));
      this.known.set(hook, known);
      known.catch(() => this.known.delete(hook));
    }
    return known;
  }

  async close(): Promise<void> {
    for (const hook of [...this.templates.keys()]) await this.dropTemplates(hook);
  }

  private async describeMaps(hook: Hook): Promise<readonly MapDescription[]> {
    await checkLibrary(this.library);
    const { objects, dispatcher } = this.library.hooks[hook];
    const maps: MapDescription[] = [];
    // Every window's object has the same maps.
    for (const file of [...Object.values(objects).slice(0, 1), dispatcher.object])
      maps.push(...using(await BpfObject.open(file), (described) => described.maps));
    return maps;
  }

  private createShared(hook: Hook, described: MapDescription, slots: number): void {
    const shared = sharedMaps(hook).find((map) => map.name === described.name);
    const pin: Pin = { kind: 'map', name: described.name };
    if (shared === undefined || this.directory.exists(pin)) return;
    const { name, type, keySize, valueSize, flags } = described;
    if (type.startsWith('#'))
      throw new TnaError('deploy', `map ${name} of the FPM library is of a type that the loader does not know`);
    const map = BpfMap.create({
      type: type as MapType,
      name,
      keySize,
      valueSize,
      flags,
      maxEntries: shared.sized ? slots : described.maxEntries,
    });
    using(map, () => map.pin(this.directory.pathOf(pin)));
  }

  /**
   * The objects of a hook, each loaded once with everything switched off; specialising them then costs the verifier alone. Made anew when
   * kernel modules came or went, and when others made the shared maps anew. Actions come one after the other, so nobody uses what goes.
   */
  private async templatesOf(hook: Hook): Promise<Templates> {
    const modules = await this.modules();
    const known = await this.templates.get(hook)?.catch(() => undefined);
    if (known !== undefined && (known.modules !== modules || !this.hasPinned(known.maps)))
      await this.dropTemplates(hook);
    let templates = this.templates.get(hook);
    if (templates === undefined) {
      const made = this.loadTemplates(hook, modules);
      templates = made;
      this.templates.set(hook, made);
      made.catch(() => {
        if (this.templates.get(hook) === made) this.templates.delete(hook);
      });
    }
    return templates;
  }

  /** Which loadings of which modules a program that is loaded now finds. Asked before that is, so that one that comes meanwhile counts as new. */
  private async modules(): Promise<string> {
    const { kernels } = this.library;
    return JSON.stringify(loadedModules(kernels, await probeCapabilities(moduleProbes(kernels))));
  }

  /** Whether these are the maps that are pinned now. Somebody who had the lock meanwhile may have made them anew. */
  private hasPinned(maps: readonly HeldMap[]): boolean {
    return maps.every(
      ({ name, map }) =>
        this.directory.exists({ kind: 'map', name }) && this.withMap(name, (pinned) => pinned.info.id === map.info.id),
    );
  }

  /** What a pipeline is made from, and the flags that switch its FPMs on. */
  private async templateFor({ hook, modules }: Pipeline): Promise<{ template: BpfTemplate; flags: readonly string[] }> {
    const { pipelines, maps, window } = await this.templatesOf(hook);
    const { object, flags } = programOf(this.library.hooks[hook], window, modules);
    let template = pipelines.get(object);
    if (template === undefined) {
      // The search for kernel symbols is the better part of a first load.
      template = checkLibrary(this.library).then(() => templateOf(object, maps));
      pipelines.set(object, template);
      template.catch(() => pipelines.delete(object));
    }
    return { template: await template, flags };
  }

  private async loadTemplates(hook: Hook, modules: string): Promise<Templates> {
    const maps: HeldMap[] = [];
    try {
      await checkLibrary(this.library);
      for (const shared of sharedMaps(hook)) {
        const map = BpfMap.openPinned(this.directory.pathOf({ kind: 'map', name: shared.name }));
        maps.push({ ...shared, map });
      }
      const window = await windowOf(this.library);
      // Guards look into the types of these modules, so they must be there before a program is.
      if (hook === 'tc' && !(await hasTcx())) await loadKernelModules(filterModules);
      const dispatcher = await templateOf(this.library.hooks[hook].dispatcher.object, maps);
      return { pipelines: new Map(), dispatcher, window: window.name, maps, modules };
    } catch (error) {
      for (const { map } of maps) map.close();
      throw error;
    }
  }

  private async dropTemplates(hook: Hook): Promise<void> {
    const pending = this.templates.get(hook);
    this.templates.delete(hook);
    const templates = await pending?.catch(() => undefined);
    if (templates === undefined) return;
    for (const template of templates.pipelines.values()) (await template.catch(() => undefined))?.close();
    templates.dispatcher.close();
    for (const { map } of templates.maps) map.close();
  }

  private emptySlot(hook: Hook, slot: number): void {
    if (this.directory.exists({ kind: 'map', name: slotsMap(hook) }))
      this.withMap(slotsMap(hook), (slots) => slots.delete(u32Key(slot)));
  }

  private zeroCounters(hook: Hook, slot: number): void {
    this.withMap(countersMap(hook), (map) => {
      const zeros = (map.getPerCpu(u32Key(slot)) ?? []).map((value) => new Uint8Array(value.length));
      map.setPerCpu(u32Key(slot), zeros);
    });
  }

  private withMap<R>(name: string, use: (map: BpfMap) => R): R {
    return using(BpfMap.openPinned(this.directory.pathOf({ kind: 'map', name })), use);
  }

  /** Gives every failure our error type, with the verifier's log as evidence. */
  private async attempt<R>(what: string, act: () => Promise<R>): Promise<R> {
    try {
      return await act();
    } catch (cause) {
      this.uncertain = true;
      throw failure(
        cause instanceof BpfError && cause.code === 'verifier' ? 'verifier' : 'deploy',
        `cannot ${what}`,
        cause,
      );
    }
  }
}

/** XDP and device maps say EINVAL of a device that is not there, as they do of much else; kernels without TCX cannot be asked then. */
function isGone(ifindex: number, cause: unknown): boolean {
  if (errnoOf(cause) !== 'EINVAL') return errnoOf(cause) === 'ENODEV';
  try {
    queryTcx(ifindex, 'ingress');
    return false;
  } catch (error) {
    return errnoOf(error) === 'ENODEV';
  }
}

function deviceGone(cause: unknown): TnaError {
  return new TnaError(deviceGoneCode, 'the device has gone meanwhile', { cause });
}

/** What drivers answer that have XDP, but not as they are set up: with SR-IOV, say, or offloads that cannot be switched off. */
const refusals = ['EINVAL', 'EOPNOTSUPP', 'ERANGE'];

/** @throws TnaError `conflict` when another program has come to the hook, which only one can have; `xdp-refused` */
async function attachXdp(ifindex: number, program: BpfProgram): Promise<BpfLink> {
  try {
    return await BpfLink.attachXdp(ifindex, program, 'native');
  } catch (cause) {
    const code = errnoOf(cause) ?? '';
    if (refusals.includes(code) && !isGone(ifindex, cause))
      throw failure('xdp-refused', `the driver of ifindex ${ifindex} refuses XDP as it is set up`, cause, {
        hint: '--hook INTERFACE=tc, which asks nothing of the driver',
      });
    if (!['EBUSY', 'EEXIST'].includes(code)) throw cause;
    throw new TnaError('conflict', `another XDP program is attached to ifindex ${ifindex} and is left alone`, {
      hint: 'bpftool net show',
      cause,
    });
  }
}

async function templateOf(file: string, maps: readonly HeldMap[]): Promise<BpfTemplate> {
  // A program with just some FPMs lacks the maps of the others.
  const own = using(await BpfObject.open(file), (described) => described.maps.map(({ name }) => name));
  const reuseMaps = Object.fromEntries(
    maps.filter(({ name }) => own.includes(name)).map(({ name, map }) => [name, map]),
  );
  const object = await BpfObject.open(file, { reuseMaps });
  try {
    return await BpfTemplate.create(object);
  } catch (error) {
    object.close();
    throw error;
  }
}

async function hasTcx(): Promise<boolean> {
  return (await probe('attach:tcx')).answer === 'yes';
}

/** The constants that switch on a pipeline's FPMs and set their parameters. */
function rodataOf(pipeline: Pipeline, flags: readonly string[]): Record<string, number | boolean> {
  const rodata: Record<string, number | boolean> = Object.fromEntries(flags.map((flag) => [flag, true]));
  for (const [module, params] of Object.entries(pipeline.params)) {
    for (const [param, value] of Object.entries(params)) rodata[fpmParamVariable(module, param)] = value;
  }
  return rodata;
}
