// SPDX-License-Identifier: Apache-2.0
// The objects of the FPM library, each loaded once with everything switched off, so that a program specialised from it costs the verifier alone.

import { BpfMap, BpfObject, BpfTemplate } from 'bpf-loader-native';
import { programOf } from '../library/compositions.js';
import { kernelModuleProbes, loadedKernelModules } from '../library/kernels.js';
import type { Pipeline } from '../model/desired.js';
import type { FpmLibrary } from '../model/library.js';
import type { Hook } from '../model/ruleset.js';
import { probeCapabilities } from './capabilities.js';
import { checkLibrary } from './fpm-library.js';
import { loadKernelModules } from './kernel-modules.js';
import type { PinDirectory } from './pin-directory.js';
import { type SharedMap, sharedMaps } from './pins.js';
import { filterModules, hasTcx } from './tc-filter.js';
import { using } from './using.js';
import { windowOf } from './window.js';

/** What programs of a hook are made from. */
interface HookTemplates {
  /** By object: the program with all FPMs, and those with just some. */
  readonly pipelines: Map<string, Promise<BpfTemplate>>;
  readonly dispatcher: BpfTemplate;
  /** How the library's objects read kernel memory here. */
  readonly window: string;
  /** Shared maps that the templates refer to. */
  readonly maps: readonly HeldMap[];
  /** The kernel modules in which the templates found functions and types. */
  readonly kernelModules: string;
}

type HeldMap = SharedMap & { readonly map: BpfMap };

/** One instance per deployer. */
export class Templates {
  private readonly byHook = new Map<Hook, Promise<HookTemplates>>();

  /** `library` throws where there is none. */
  constructor(
    private readonly library: () => FpmLibrary,
    private readonly directory: PinDirectory,
  ) {}

  /**
   * Those of a hook, made anew when kernel modules came or went, and when others made the shared maps anew. Actions come one after the
   * other, so nobody uses what goes.
   */
  async of(hook: Hook): Promise<HookTemplates> {
    const kernelModules = await this.kernelModules();
    const known = await this.byHook.get(hook)?.catch(() => undefined);
    if (known !== undefined && (known.kernelModules !== kernelModules || !this.hasPinned(known.maps)))
      await this.drop(hook);
    let templates = this.byHook.get(hook);
    if (templates === undefined) {
      const made = this.load(hook, kernelModules);
      templates = made;
      this.byHook.set(hook, made);
      made.catch(() => {
        if (this.byHook.get(hook) === made) this.byHook.delete(hook);
      });
    }
    return templates;
  }

  /** Which loadings of which modules a program that is loaded now finds. Asked before that is, so that one that comes meanwhile counts as new. */
  private async kernelModules(): Promise<string> {
    const { kernels } = this.library();
    return JSON.stringify(loadedKernelModules(kernels, await probeCapabilities(kernelModuleProbes(kernels))));
  }

  /** Whether these are the maps that are pinned now. Somebody who had the lock meanwhile may have made them anew. */
  private hasPinned(maps: readonly HeldMap[]): boolean {
    return maps.every(
      ({ name, map }) =>
        this.directory.exists({ kind: 'map', name }) &&
        using(this.openMap(name), (pinned) => pinned.info.id === map.info.id),
    );
  }

  /** What a pipeline is made from, and the flags that switch its FPMs on. */
  async forPipeline({ hook, modules }: Pipeline): Promise<{ template: BpfTemplate; flags: readonly string[] }> {
    const { pipelines, maps, window } = await this.of(hook);
    const { object, flags } = programOf(this.library().hooks[hook], window, modules);
    let template = pipelines.get(object);
    if (template === undefined) {
      // The search for kernel symbols is the better part of a first load.
      template = checkLibrary(this.library()).then(() => templateOf(object, maps));
      pipelines.set(object, template);
      template.catch(() => pipelines.delete(object));
    }
    return { template: await template, flags };
  }

  private async load(hook: Hook, kernelModules: string): Promise<HookTemplates> {
    const maps: HeldMap[] = [];
    try {
      await checkLibrary(this.library());
      for (const shared of sharedMaps(hook)) maps.push({ ...shared, map: this.openMap(shared.name) });
      const window = await windowOf(this.library());
      // Guards look into the types of these modules, so they must be there before a program is.
      if (hook === 'tc' && !(await hasTcx())) await loadKernelModules(filterModules);
      const dispatcher = await templateOf(this.library().hooks[hook].dispatcher.object, maps);
      return { pipelines: new Map(), dispatcher, window: window.name, maps, kernelModules };
    } catch (error) {
      for (const { map } of maps) map.close();
      throw error;
    }
  }

  /** Closes those of a hook. */
  async drop(hook: Hook): Promise<void> {
    const pending = this.byHook.get(hook);
    this.byHook.delete(hook);
    const templates = await pending?.catch(() => undefined);
    if (templates === undefined) return;
    for (const template of templates.pipelines.values()) (await template.catch(() => undefined))?.close();
    templates.dispatcher.close();
    for (const { map } of templates.maps) map.close();
  }

  async close(): Promise<void> {
    for (const hook of [...this.byHook.keys()]) await this.drop(hook);
  }

  private openMap(name: string): BpfMap {
    return BpfMap.openPinned(this.directory.pathOf({ kind: 'map', name }));
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
