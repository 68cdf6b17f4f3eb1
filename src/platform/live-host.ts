// SPDX-License-Identifier: Apache-2.0
// The live host: everything that the stages read of it and do to it, in the network namespace that this process is in.

import { readFileSync } from 'node:fs';
import { hostname, release } from 'node:os';
import { join } from 'node:path';
import type { Pipeline } from '../model/desired.js';
import type { LeasePolicy } from '../model/lease.js';
import type { FpmLibrary } from '../model/library.js';
import type { Deployer, DetailRequest, HostReader, LeaseHolder } from '../model/ports.js';
import type { Hook, Source } from '../model/ruleset.js';
import type { Capability, Deployed, Message } from '../model/snapshot.js';
import { DeviceHooks, type OwnPrograms } from './attachments.js';
import { BpfDeployer } from './bpf-deployer.js';
import { probeCapabilities } from './capabilities.js';
import { readDeployed } from './deployed.js';
import { errnoOf, failure } from './failure.js';
import { Lease } from './lease.js';
import { namespaceId } from './namespace.js';
import { NetlinkReader, type Pruning } from './netlink-reader.js';
import { PinDirectory } from './pin-directory.js';
import { checkPrivileges } from './preflight.js';

export interface LiveHostOptions {
  /** Name that the user gave to the namespace. */
  readonly namespace: string | undefined;
  /** Where users keep netlink specs of their own. */
  readonly specDirectory: string;
  readonly pruning: Pruning;
}

export class LiveHost implements HostReader, Deployer, LeaseHolder {
  readonly netlink: NetlinkReader;
  private readonly deployer: BpfDeployer;
  private readonly lease: Lease | undefined;
  private last: { readonly own: OwnPrograms; readonly devices: DeviceHooks } | undefined;

  private constructor(
    private readonly options: LiveHostOptions,
    private readonly namespaceInode: string,
    private readonly directory: PinDirectory,
    library: FpmLibrary | undefined,
  ) {
    this.netlink = new NetlinkReader(options.specDirectory, options.pruning);
    this.deployer = new BpfDeployer(library, directory);
    this.lease = library === undefined ? undefined : new Lease(library.lease, directory);
  }

  /**
   * Without a library, what is deployed can be read and taken away, and nothing be put in place.
   * @throws TnaError `not-permitted`, `no-btf`
   */
  static open(library: FpmLibrary | undefined, options: LiveHostOptions): LiveHost {
    checkPrivileges();
    const inode = namespaceId();
    return new LiveHost(options, inode, new PinDirectory(inode), library);
  }

  host() {
    return { kernel: release(), hostname: hostname() };
  }

  namespace() {
    return { id: this.namespaceInode, name: this.options.namespace };
  }

  async read(source: Source): Promise<{ readonly messages: readonly Message[] } | { readonly absent: string }> {
    switch (source.kind) {
      case 'dump':
        return this.netlink.read(source);
      case 'bpf-attachments':
        return this.foreign();
      case 'per-object':
        return { messages: [] };
    }
  }

  details(requests: readonly DetailRequest[]): Promise<readonly Message[] | { readonly absent: string }> {
    return this.netlink.details(requests);
  }

  sysctl(path: string): string | null {
    return setting('sysctl', '/proc/sys', path);
  }

  sysfs(path: string): string | null {
    return setting('sysfs', '/sys', path);
  }

  capabilities(probes: readonly string[]): Promise<readonly Capability[]> {
    return probeCapabilities(probes);
  }

  async deployed(): Promise<Deployed> {
    const { own: _own, ...deployed } = await this.look();
    return deployed;
  }

  /**
   * Remembers which programs are ours and what is on the devices, so that reading those of others need not look again. Slots are
   * scanned when the links are not those that were there last time, and after a change that failed: nothing else leaves one filled.
   */
  private async look() {
    this.netlink.beginPass();
    const devices = new DeviceHooks(this.netlink);
    try {
      await this.directory.keepLock();
      const read = (scan: boolean) => readDeployed(this.directory, (hook) => this.deployer.shapes(hook), devices, scan);
      const scan = this.deployer.uncertain || this.last === undefined;
      let found = await read(scan);
      if (!scan && !sameSet(found.own.links, this.last?.own.links)) found = await read(true);
      this.deployer.uncertain = false;
      this.last = { own: found.own, devices };
      return found;
    } catch (cause) {
      this.last = undefined;
      throw failure('deployed', 'cannot read what is deployed', cause);
    }
  }

  private async foreign() {
    if (this.last === undefined) await this.look();
    try {
      return { messages: (await this.last?.devices.foreign(this.last.own)) ?? [] };
    } catch (cause) {
      throw failure('netlink', 'cannot read the BPF programs on devices', cause);
    }
  }

  ready(pipelines: readonly Pipeline[]): Promise<void> {
    return this.deployer.ready(pipelines);
  }

  prepare(hook: Hook, slots: number): Promise<void> {
    return this.deployer.prepare(hook, slots);
  }

  load(pipeline: Pipeline): Promise<void> {
    return this.deployer.load(pipeline);
  }

  unload(hook: Hook, id: string): Promise<void> {
    return this.deployer.unload(hook, id);
  }

  attach(hook: Hook, ifindex: number, slot: number): Promise<void> {
    return this.deployer.attach(hook, ifindex, slot);
  }

  detach(hook: Hook, ifindex: number, slot: number): Promise<void> {
    return this.deployer.detach(hook, ifindex, slot);
  }

  setSlot(hook: Hook, slot: number, pipeline: string): Promise<void> {
    return this.deployer.setSlot(hook, slot, pipeline);
  }

  clearSlot(hook: Hook, slot: number): Promise<void> {
    return this.deployer.clearSlot(hook, slot);
  }

  setEgress(ifindex: number): Promise<void> {
    return this.deployer.setEgress(ifindex);
  }

  clearEgress(ifindex: number): Promise<void> {
    return this.deployer.clearEgress(ifindex);
  }

  dismantle(hook: Hook): Promise<void> {
    return this.deployer.dismantle(hook);
  }

  removeStray(pin: string): Promise<void> {
    return this.deployer.removeStray(pin);
  }

  counters(hook: Hook, slot: number): Promise<readonly number[]> {
    return this.deployer.counters(hook, slot);
  }

  async holdLease(policy: LeasePolicy, renew: boolean): Promise<void> {
    try {
      await this.lease?.hold(policy, renew);
    } catch (cause) {
      throw failure('lease', 'cannot renew the lease', cause);
    }
  }

  /** Every network device of the namespace, by ifindex. */
  async interfaces(): Promise<readonly { readonly name: string; readonly ifindex: number }[]> {
    try {
      const links = await this.netlink.links();
      const named = links.map((link) => ({ name: String(link.ifname), ifindex: Number(link.ifi_index) }));
      return named.sort((a, b) => a.ifindex - b.ifindex);
    } catch (cause) {
      throw failure('netlink', 'cannot read the network devices', cause);
    }
  }

  /** Takes the namespace for this process. @throws TnaError `locked` */
  lock(): Promise<{ release(): void }> {
    return this.directory.lock();
  }

  lockHolder(): { readonly pid: number; readonly command: string } | null {
    const holder = this.directory.holder();
    return holder === null ? null : { pid: holder.pid, command: holder.argv.join(' ') };
  }

  /** What drivers refused is tried again: their devices may be set up differently by now. */
  forgetRefusals(): void {
    this.directory.forgetRefusals();
  }

  /** Gives the namespace up, with directories of pins that are empty. */
  leave(): void {
    this.directory.leave();
  }

  /** Removes what namespaces that are gone have left; how many there were. */
  pruneOthers(): number {
    return this.directory.pruneOthers();
  }

  async close(): Promise<void> {
    this.lease?.close();
    await this.deployer.close();
    await this.netlink.close();
  }
}

function sameSet(a: ReadonlySet<number>, b: ReadonlySet<number> | undefined): boolean {
  return a.size === b?.size && [...a].every((one) => b.has(one));
}

function setting(kind: 'sysctl' | 'sysfs', directory: string, path: string): string | null {
  try {
    return readFileSync(join(directory, path), 'utf8').trim();
  } catch (cause) {
    // Of a device that has just gone, too. Anything else must not pass for a default.
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errnoOf(cause) ?? '')) return null;
    throw failure(kind, `cannot read ${join(directory, path)}`, cause);
  }
}
