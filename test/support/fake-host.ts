// SPDX-License-Identifier: Apache-2.0
// A host that exists in memory only: links that the stages read, and a deployment that they change. Any call can be made to
// fail. For tests of what goes wrong; what goes right is tested on real hosts.

import type { Pipeline } from '../../src/model/desired.js';
import type { LeasePolicy } from '../../src/model/lease.js';
import type { Deployer, DetailRequest, HostReader, LeaseHolder } from '../../src/model/ports.js';
import type { Hook, Source } from '../../src/model/ruleset.js';
import type { Attachment, Capability, Deployed, Message } from '../../src/model/snapshot.js';

export class FakeHost implements HostReader, Deployer, LeaseHolder {
  links: readonly Message[] = [];
  /** Calls that change something, in order, as `method argument…`. */
  readonly calls: string[] = [];
  /** Told of each call before it happens; what it throws is what the call throws. */
  onCall: (call: string) => void = () => {};
  /** Told before the host is read. */
  onRead: () => void = () => {};

  private readonly maps = new Map<Hook, number>();
  private readonly attached: { readonly hook: Hook; readonly ifindex: number; readonly slot: number }[] = [];
  private readonly slots = new Map<string, number>();
  private readonly programs = new Map<string, number>();
  private readonly egress = new Set<number>();
  private readonly strays = new Set<string>();
  private nextProgram = 1;

  host() {
    return { kernel: '6.18', hostname: 'fake' };
  }

  namespace() {
    return { id: '1', name: undefined };
  }

  async read(_source: Source): Promise<{ readonly messages: readonly Message[] }> {
    this.onRead();
    return { messages: this.links };
  }

  async details(_requests: readonly DetailRequest[]): Promise<readonly Message[]> {
    return [];
  }

  sysctl(): string | null {
    return null;
  }

  sysfs(): string | null {
    return null;
  }

  async capabilities(probes: readonly string[]): Promise<readonly Capability[]> {
    return probes.map((probe) => ({ probe, answer: 'yes', evidence: '' }));
  }

  async ready(pipelines: readonly Pipeline[]): Promise<void> {
    this.calls.push(`ready ${pipelines.map(({ id }) => id).join(' ')}`.trimEnd());
  }

  async deployed(): Promise<Deployed> {
    const pipelines = [...this.programs].map(([key, programId]) => {
      const [hook, id] = key.split(' ') as [Hook, string];
      return { hook, id, programId };
    });
    const attachments = this.attached.map((link, i): Attachment => {
      const programId = this.slots.get(`${link.hook} ${link.slot}`) ?? 0;
      const pipeline = pipelines.find((p) => p.hook === link.hook && p.programId === programId)?.id;
      return { ...link, linkId: i + 1, alive: true, programId, pipeline };
    });
    return {
      prepared: [...this.maps].map(([hook, slots]) => ({ hook, slots })),
      attachments,
      pipelines,
      egress: [...this.egress],
      strays: [...this.strays],
    };
  }

  /** Told of each renewal. */
  onRenew: () => void = () => {};

  async holdLease(_policy: LeasePolicy, renew: boolean): Promise<void> {
    if (renew) this.onRenew();
  }

  async prepare(hook: Hook, slots: number): Promise<void> {
    this.called('prepare', hook, slots);
    this.maps.set(hook, slots);
    for (const key of [...this.slots.keys()]) if (key.startsWith(`${hook} `)) this.slots.delete(key);
  }

  async load(pipeline: Pipeline): Promise<void> {
    this.called('load', pipeline.hook, pipeline.id);
    this.must(this.maps.has(pipeline.hook), 'the shared maps are missing');
    this.programs.set(`${pipeline.hook} ${pipeline.id}`, this.nextProgram++);
  }

  async unload(hook: Hook, id: string): Promise<void> {
    this.called('unload', hook, id);
    this.programs.delete(`${hook} ${id}`);
  }

  async attach(hook: Hook, ifindex: number, slot: number): Promise<void> {
    this.called('attach', hook, ifindex, slot);
    this.must(this.maps.has(hook), 'the shared maps are missing');
    this.attached.push({ hook, ifindex, slot });
  }

  async detach(hook: Hook, ifindex: number, slot: number): Promise<void> {
    this.called('detach', hook, ifindex, slot);
    const at = this.attached.findIndex((l) => l.hook === hook && l.ifindex === ifindex && l.slot === slot);
    if (at >= 0) this.attached.splice(at, 1);
  }

  async setSlot(hook: Hook, slot: number, pipeline: string): Promise<void> {
    this.called('set-slot', hook, slot, pipeline);
    const program = this.programs.get(`${hook} ${pipeline}`);
    this.must(program !== undefined, 'the pipeline is not loaded');
    this.slots.set(`${hook} ${slot}`, program as number);
  }

  async clearSlot(hook: Hook, slot: number): Promise<void> {
    this.called('clear-slot', hook, slot);
    this.slots.delete(`${hook} ${slot}`);
  }

  async setEgress(ifindex: number): Promise<void> {
    this.called('set-egress', ifindex);
    this.must(this.maps.has('xdp'), 'the shared maps are missing');
    this.egress.add(ifindex);
  }

  async clearEgress(ifindex: number): Promise<void> {
    this.called('clear-egress', ifindex);
    this.egress.delete(ifindex);
  }

  async dismantle(hook: Hook): Promise<void> {
    this.called('dismantle', hook);
    this.maps.delete(hook);
    if (hook === 'xdp') this.egress.clear();
  }

  async removeStray(pin: string): Promise<void> {
    this.called('remove-stray', pin);
    this.strays.delete(pin);
  }

  /** Puts a program without a pin into a slot, as somebody who deleted the pin leaves it. */
  loseProgram(hook: Hook, id: string): void {
    this.programs.delete(`${hook} ${id}`);
  }

  addStray(pin: string): void {
    this.strays.add(pin);
  }

  private called(...call: readonly (string | number)[]): void {
    const text = call.join(' ');
    this.onCall(text);
    this.calls.push(text);
  }

  private must(holds: boolean, message: string): void {
    if (!holds) throw new Error(message);
  }
}
