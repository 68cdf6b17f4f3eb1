// SPDX-License-Identifier: Apache-2.0
// BPF programs on the devices of this namespace: which of ours really are there, and those of others, which we must not disturb
// and whose packets we must not take.

import { queryTcxOfAll, type TcxProgram } from 'bpf-loader-native';
import type { Message } from '../model/snapshot.js';
import type { NetlinkReader } from './netlink-reader.js';
import { foreignFilters } from './tc-filter.js';

/** What of the programs on devices is ours: links by id, and the ids of our XDP dispatchers. */
export interface OwnPrograms {
  readonly links: ReadonlySet<number>;
  readonly xdp: ReadonlySet<number>;
  /** Programs that run as filters on a qdisc of ours, by ifindex: kernels without TCX. */
  readonly filters: ReadonlyMap<number, number>;
  /** Devices whose drivers refused XDP, by ifindex. */
  readonly refused: ReadonlySet<number>;
}

type Direction = 'ingress' | 'egress';

/** IFLA_XDP as far as it concerns us. */
interface XdpAttribute {
  readonly prog_id?: number | undefined;
  readonly drv_prog_id?: number | undefined;
  readonly skb_prog_id?: number | undefined;
  readonly hw_prog_id?: number | undefined;
}

/** The hooks of all devices at one time; each kind is asked for once, when first needed. */
export class DeviceHooks {
  private devices: Promise<ReadonlyMap<number, readonly number[]>> | undefined;
  private readonly lists = new Map<Direction, ReadonlyMap<number, readonly TcxProgram[]>>();

  constructor(private readonly netlink: NetlinkReader) {}

  /** Ids of the XDP programs by ifindex, for every device of the namespace. */
  xdp(): Promise<ReadonlyMap<number, readonly number[]>> {
    this.devices ??= readXdp(this.netlink);
    return this.devices;
  }

  /** The TCX programs by ifindex; devices without any are left out. */
  async tcx(direction: Direction): Promise<ReadonlyMap<number, readonly TcxProgram[]>> {
    const list = this.lists.get(direction) ?? byDevice(queryTcxOfAll([...(await this.xdp()).keys()], direction));
    this.lists.set(direction, list);
    return list;
  }

  /**
   * One message per device that carries foreign programs or a qdisc of ours, or whose driver refused a program:
   * `{ifindex, xdp: [id], tc_ingress: [id], tc_egress: [id], clsact: bool, xdp_refused: bool}`.
   */
  async foreign(own: OwnPrograms): Promise<readonly Message[]> {
    const [ingress, egress] = [await this.tcx('ingress'), await this.tcx('egress')];
    const foreignTcx = (programs: readonly TcxProgram[] = []) =>
      programs.filter(({ linkId }) => !own.links.has(linkId)).map(({ programId }) => programId);
    const messages: Message[] = [];
    for (const [ifindex, programs] of await this.xdp()) {
      const filter = own.filters.get(ifindex);
      const beside = filter === undefined ? undefined : await foreignFilters(ifindex, filter);
      const message = {
        ifindex,
        xdp: programs.filter((id) => !own.xdp.has(id)),
        tc_ingress: beside?.ingress ?? foreignTcx(ingress.get(ifindex)),
        tc_egress: beside?.egress ?? foreignTcx(egress.get(ifindex)),
        ...(beside === undefined ? {} : { clsact: true }),
        ...(own.refused.has(ifindex) ? { xdp_refused: true } : {}),
      };
      const foreign = message.xdp.length + message.tc_ingress.length + message.tc_egress.length;
      if (foreign > 0 || beside !== undefined || own.refused.has(ifindex)) messages.push(message);
    }
    return messages;
  }
}

function byDevice(programs: readonly TcxProgram[]): ReadonlyMap<number, readonly TcxProgram[]> {
  const lists = new Map<number, TcxProgram[]>();
  for (const program of programs) {
    const list = lists.get(program.ifindex);
    if (list === undefined) lists.set(program.ifindex, [program]);
    else list.push(program);
  }
  return lists;
}

async function readXdp(netlink: NetlinkReader): Promise<ReadonlyMap<number, readonly number[]>> {
  const links = await netlink.links();
  return new Map(links.map((link) => [Number(link.ifi_index ?? 0), xdpPrograms(link.xdp as XdpAttribute | undefined)]));
}

function xdpPrograms(xdp: XdpAttribute | undefined): readonly number[] {
  if (xdp === undefined) return [];
  const ids = [xdp.prog_id, xdp.drv_prog_id, xdp.skb_prog_id, xdp.hw_prog_id];
  return [...new Set(ids.filter((id): id is number => id !== undefined && id !== 0))];
}
