// SPDX-License-Identifier: Apache-2.0
// The FPM library in the kernel, without a controller: one specialised program behind dispatchers on some interfaces.

import {
  attachClsact,
  BpfLink,
  BpfObject,
  type BpfProgram,
  BpfTemplate,
  probe,
  setDevice,
  setProgram,
  u32Bytes,
  type XdpMode,
} from 'bpf-loader-native';
import { type FpmLibrary, fpmFlag, fpmParamVariable } from '../../src/model/library.js';
import type { Hook } from '../../src/model/ruleset.js';
import { windowOf } from '../../src/platform/window.js';

/** Packets by `fast`, `drop`, `end` or `fpm:code`; what is zero is left out. */
export type Counts = Readonly<Record<string, number>>;

/** All FPMs of a Linux bridge. */
export const bridgeModules: readonly string[] = [
  'frame',
  'offload',
  'guard_ingress',
  'guard_bridge_nf',
  'l2_control',
  'bridge_port',
  'bridge_source',
  'bridge_fdb',
  'bridge_egress',
  'egress',
];

/** The same for a bridge that filters VLANs. */
export const vlanModules: readonly string[] = [...bridgeModules, 'bridge_vlan', 'bridge_vlan_egress'];

/** Entries in use never become stale, so that only the test of staleness sees it. */
const steady = {
  [fpmParamVariable('bridge_source', 'refresh')]: 2 ** 31,
  [fpmParamVariable('bridge_fdb', 'refresh')]: 2 ** 31,
};

async function hasTcx(): Promise<boolean> {
  return (await probe('attach:tcx')).answer === 'yes';
}

export class FastPath {
  readonly #links: BpfLink[] = [];
  readonly #programs: BpfProgram[] = [];

  private constructor(
    readonly hook: Hook,
    private readonly library: FpmLibrary,
    private readonly template: BpfTemplate,
    private readonly dispatcher: BpfObject,
  ) {}

  static async load(library: FpmLibrary, hook: Hook): Promise<FastPath> {
    const files = library.hooks[hook];
    const { name } = await windowOf(library);
    const template = await BpfTemplate.create(await BpfObject.open(files.objects[name] as string));
    const scratch = `tna_scratch_${hook}`;
    const dispatcher = await BpfObject.open(files.dispatcher.object, {
      reuseMaps: { [scratch]: template.object.map(scratch) },
    });
    await dispatcher.load();
    return new FastPath(hook, library, template, dispatcher);
  }

  /** The program of these FPMs; it is what every dispatcher runs from now on. */
  async use(modules: readonly string[], params: Readonly<Record<string, number>> = {}): Promise<BpfProgram> {
    const flags = Object.fromEntries(modules.map((name) => [fpmFlag(name), true]));
    const { program: name } = this.library.hooks[this.hook];
    const known = new Set(this.template.object.rodata.map((variable) => variable.name));
    const constants = Object.fromEntries(Object.entries({ ...steady, ...params }).filter(([key]) => known.has(key)));
    const program = await this.template.specialise({ program: name, rodata: { ...flags, ...constants } });
    this.#programs.push(program);
    setProgram(this.dispatcher.map(`tna_slots_${this.hook}`), 0, program);
    return program;
  }

  /** Allows XDP transmission through a device. */
  allow(ifindex: number): void {
    if (this.hook === 'xdp') setDevice(this.template.object.map('tna_egress'), ifindex, { ifindex });
  }

  /** Puts a value into the controller's lease (struct tna_lease). */
  lease(value: Uint8Array): void {
    this.template.object.map(`tna_lease_${this.hook}`).set(u32Bytes(0), value);
  }

  async attach(ifindex: number, mode: XdpMode = 'native'): Promise<void> {
    const program = this.dispatcher.program(this.library.hooks[this.hook].dispatcher.program);
    if (this.hook === 'xdp') this.#links.push(await BpfLink.attachXdp(ifindex, program, mode));
    else if (await hasTcx()) this.#links.push(await BpfLink.attachTcx({ ifindex, direction: 'ingress', program }));
    // A filter has no link to close: it goes with the device, and that with the test's namespace.
    else await attachClsact({ ifindex, direction: 'ingress', handle: 1, priority: 1 }, program);
  }

  counts(): Counts {
    const sums = new Map<number, number>();
    for (const cpu of this.template.object.map(`tna_counters_${this.hook}`).getPerCpu(u32Bytes(0)) ?? []) {
      const view = new DataView(cpu.buffer, cpu.byteOffset, cpu.byteLength);
      for (let id = 0; id < this.library.counters.slots; id += 1)
        sums.set(id, (sums.get(id) ?? 0) + Number(view.getBigUint64(id * 8, true)));
    }
    const { fastId, dropId, endId } = this.library.counters;
    const names = new Map([
      [fastId, 'fast'],
      [dropId, 'drop'],
      [endId, 'end'],
    ]);
    for (const module of this.library.modules)
      for (const reason of module.reasons) names.set(reason.id, `${module.name}:${reason.code}`);
    return Object.fromEntries([...sums].filter(([, n]) => n > 0).map(([id, n]) => [names.get(id) ?? `#${id}`, n]));
  }

  /** Detaches and frees everything. */
  close(): void {
    for (const link of this.#links.splice(0)) link.close();
    for (const program of this.#programs.splice(0)) program.close();
    this.dispatcher.close();
    this.template.close();
  }
}

/** What `after` counted beyond `before`. */
export function difference(before: Counts, after: Counts): Counts {
  const changed = Object.keys(after).map((key): [string, number] => [key, (after[key] ?? 0) - (before[key] ?? 0)]);
  return Object.fromEntries(changed.filter(([, n]) => n !== 0));
}
