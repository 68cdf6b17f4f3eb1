// SPDX-License-Identifier: Apache-2.0
// Carries out the actions of a plan with BPF programs, maps, links and pins. One instance per process and namespace.

import {
  BpfError,
  BpfLink,
  BpfMap,
  BpfObject,
  BpfProgram,
  type MapDescription,
  type MapType,
  queryTcx,
} from 'bpf-loader-native';
import type { Pipeline } from '../model/desired.js';
import { deviceGoneCode, TnaError, xdpRefusedCode } from '../model/error.js';
import { type FpmLibrary, fpmParamVariable } from '../model/library.js';
import type { Deployer } from '../model/ports.js';
import type { Hook } from '../model/ruleset.js';
import { u32Key, u64sOf } from './bytes.js';
import type { MapShape } from './deployed.js';
import { errnoOf, failure } from './failure.js';
import { checkLibrary } from './fpm-library.js';
import type { PinDirectory } from './pin-directory.js';
import { countersMap, egressMap, type FilterPin, type Pin, type RefusalMark, sharedMaps, slotsMap } from './pins.js';
import { attachFilter, detachFilter, hasTcx } from './tc-filter.js';
import { Templates } from './templates.js';
import { using } from './using.js';

export class BpfDeployer implements Deployer {
  /** Set when something failed: then not everything may be as the pins tell. */
  uncertain = false;
  private readonly templates: Templates;
  private readonly known = new Map<Hook, Promise<ReadonlyMap<string, MapShape>>>();

  constructor(
    private readonly built: FpmLibrary | undefined,
    private readonly directory: PinDirectory,
  ) {
    this.templates = new Templates(() => this.library, directory);
  }

  /** Only what puts something in place needs it. */
  private get library(): FpmLibrary {
    if (this.built === undefined)
      throw new TnaError('fpm-library-missing', 'nothing can be loaded without an FPM library');
    return this.built;
  }

  async ready(pipelines: readonly Pipeline[]): Promise<void> {
    for (const pipeline of pipelines) await this.templates.forPipeline(pipeline).catch(() => undefined);
  }

  async prepare(hook: Hook, slots: number): Promise<void> {
    await this.attempt(`prepare ${hook}`, async () => {
      this.directory.ensure();
      await this.templates.drop(hook);
      for (const { name } of sharedMaps(hook)) this.directory.unpin({ kind: 'map', name });
      for (const map of await this.describeMaps(hook)) this.createShared(hook, map, slots);
    });
  }

  async load(pipeline: Pipeline): Promise<void> {
    const { hook, id } = pipeline;
    await this.attempt(`load pipeline ${id}`, async () => {
      const { template, flags } = await this.templates.forPipeline(pipeline);
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
      const { dispatcher } = await this.templates.of(hook);
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
            ? await this.attachXdp(ifindex, program)
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
      await this.templates.drop(hook);
      for (const { name } of sharedMaps(hook)) this.directory.unpin({ kind: 'map', name });
    });
  }

  async removeStray(pin: string): Promise<void> {
    await this.attempt(`remove stray pin ${pin}`, async () => this.directory.removeFile(pin));
  }

  /** Packets per reason id of one slot, summed over CPUs. */
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

  close(): Promise<void> {
    return this.templates.close();
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

  /** What a driver refuses is not asked of it again: every process that looks knows. */
  private async attachXdp(ifindex: number, program: BpfProgram): Promise<BpfLink> {
    try {
      return await attachXdp(ifindex, program);
    } catch (cause) {
      if (cause instanceof TnaError && cause.code === xdpRefusedCode)
        this.note({ kind: 'refused', hook: 'xdp', ifindex });
      throw cause;
    }
  }

  private note(refusal: RefusalMark): void {
    try {
      this.directory.mark(refusal);
    } catch {
      // Where nothing can be noted it is asked again.
    }
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

/**
 * What drivers answer that have XDP, but not as they are set up: with SR-IOV, say, or offloads that cannot be switched off; ENOMEM and ENOSPC
 * when they have not enough queues (ice_vsi_determine_xdp_res(), ixgbe_xdp_setup(), bnxt_check_rings()).
 */
const refusals = ['EINVAL', 'EOPNOTSUPP', 'ERANGE', 'ENOMEM', 'ENOSPC'];

/** @throws TnaError `conflict` when another program has come to the hook, which only one can have; `xdp-refused` */
async function attachXdp(ifindex: number, program: BpfProgram): Promise<BpfLink> {
  try {
    return await BpfLink.attachXdp(ifindex, program, 'native');
  } catch (cause) {
    const code = errnoOf(cause) ?? '';
    if (refusals.includes(code) && !isGone(ifindex, cause))
      throw failure(xdpRefusedCode, `the driver of ifindex ${ifindex} refuses XDP as it is set up`, cause, {
        hint: 'another hook is taken if there is one that pays; XDP is tried again when a controller starts or gets SIGHUP, and after `tna detach`',
      });
    if (!['EBUSY', 'EEXIST'].includes(code)) throw cause;
    throw new TnaError('conflict', `another XDP program is attached to ifindex ${ifindex} and is left alone`, {
      hint: 'bpftool net show',
      cause,
    });
  }
}

/** The constants that switch on a pipeline's FPMs and set their parameters. */
function rodataOf(pipeline: Pipeline, flags: readonly string[]): Record<string, number | boolean> {
  const rodata: Record<string, number | boolean> = Object.fromEntries(flags.map((flag) => [flag, true]));
  for (const [module, params] of Object.entries(pipeline.params)) {
    for (const [param, value] of Object.entries(params)) rodata[fpmParamVariable(module, param)] = value;
  }
  return rodata;
}
