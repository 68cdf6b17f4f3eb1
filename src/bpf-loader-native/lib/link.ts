// SPDX-License-Identifier: Apache-2.0
// Attachments that the kernel keeps as objects: XDP and TCX links. They end with their last descriptor unless pinned.
import { Attr, LITTLE } from './attr.js';
import { BpfError, errnoError } from './error.js';
import { type Handle, native } from './native.js';
import { openById, openPinned, pin, readInfo } from './object-info.js';
import type { BpfProgram } from './program.js';
import { bpfAsync, bpfFdAsync, KernelObject } from './syscall.js';
import { AnchorFlag, AttachType, Command, linkTypeName, XdpFlag } from './uapi.js';

/** 'native': by the driver; 'generic': after the skb was built; 'auto': native where the driver can. */
export type XdpMode = 'native' | 'generic' | 'auto';
export type Direction = 'ingress' | 'egress';

export interface LinkInfo {
  readonly id: number;
  readonly type: ReturnType<typeof linkTypeName>;
  readonly programId: number;
  /** XDP and TCX: 0 once the interface is gone or the link detached; undefined for other types. */
  readonly ifindex?: number;
  /** TCX only. */
  readonly direction?: Direction;
}

/** Where a TCX program goes in the list of its hook. */
export type Anchor =
  | { readonly at: 'first' | 'last' }
  | { readonly at: 'before' | 'after'; readonly link: BpfLink | number }
  | { readonly at: 'before' | 'after'; readonly program: BpfProgram | number };

export interface TcxOptions {
  readonly ifindex: number;
  readonly direction: Direction;
  readonly program: BpfProgram;
  /** Default: last. Numbers are ids. */
  readonly anchor?: Anchor;
  /** Fails with ESTALE when the hook's list changed since it was read. */
  readonly expectedRevision?: bigint;
}

export const xdpModeFlags = { auto: 0, generic: XdpFlag.generic, native: XdpFlag.native } as const;

/** A program on its hook. Unless it is pinned, the program is off the hook once this is closed. */
export class BpfLink extends KernelObject {
  /** For this package: wraps an open descriptor. */
  constructor(handle: Handle) {
    super(handle);
  }

  /**
   * Throws BpfError EBUSY when another program is on the interface, EOPNOTSUPP where the driver has no XDP,
   * EINVAL when there is no such interface here or the program is of another type.
   */
  static async attachXdp(ifindex: number, program: BpfProgram, mode: XdpMode = 'auto'): Promise<BpfLink> {
    const attr = new Attr(48).u32(0, program.fd).u32(4, ifindex).u32(8, AttachType.xdp).u32(12, xdpModeFlags[mode]);
    return new BpfLink(await bpfFdAsync(Command.linkCreate, attr, `xdp on ifindex ${ifindex}`, program));
  }

  /** Linux 6.6. Throws BpfError EINVAL on older kernels, ENOENT when an anchor is not there, ESTALE, ENODEV. */
  static async attachTcx(options: TcxOptions): Promise<BpfLink> {
    const { ifindex, direction, program } = options;
    const anchor = anchorFields(options.anchor ?? { at: 'last' });
    const attr = new Attr(48)
      .u32(0, program.fd)
      .u32(4, ifindex)
      .u32(8, tcxAttachType(direction))
      .u32(12, anchor.flags)
      .u32(16, anchor.relative)
      .u64(24, options.expectedRevision ?? 0n);
    return new BpfLink(await bpfFdAsync(Command.linkCreate, attr, `tcx ${direction} on ifindex ${ifindex}`, options));
  }

  static fromId(id: number): BpfLink {
    return new BpfLink(openById(Command.linkFdById, id));
  }

  /** Throws BpfError 'wrong-kind' when something else than a link is pinned there. */
  static openPinned(path: string): BpfLink {
    return new BpfLink(openPinned(path, 'link'));
  }

  get info(): LinkInfo {
    return readLinkInfo(this.fd);
  }

  /** Exchanges the program without a gap. With `expected`, only if that one is attached (else EPERM). */
  async update(program: BpfProgram, expected?: BpfProgram): Promise<void> {
    const attr = new Attr(16).u32(0, this.fd).u32(4, program.fd);
    if (expected !== undefined) attr.u32(8, AnchorFlag.replace).u32(12, expected.fd);
    await bpfAsync(Command.linkUpdate, attr, 'link', [this, program, expected]);
  }

  /** Takes the program off the interface now, even if the link is pinned. `close()` is cheap afterwards. */
  async detach(): Promise<void> {
    await bpfAsync(Command.linkDetach, new Attr(4).u32(0, this.fd), 'link', this);
  }

  pin(path: string): void {
    pin(this.fd, path);
  }
}

export function tcxAttachType(direction: Direction): number {
  return direction === 'ingress' ? AttachType.tcxIngress : AttachType.tcxEgress;
}

function anchorFields(anchor: Anchor): { flags: number; relative: number } {
  const flags = anchor.at === 'first' || anchor.at === 'before' ? AnchorFlag.before : AnchorFlag.after;
  if ('link' in anchor) {
    if (typeof anchor.link === 'number') {
      return { flags: flags | AnchorFlag.link | AnchorFlag.id, relative: anchor.link };
    }
    return { flags: flags | AnchorFlag.link, relative: anchor.link.fd };
  }
  if ('program' in anchor) {
    if (typeof anchor.program === 'number') return { flags: flags | AnchorFlag.id, relative: anchor.program };
    return { flags, relative: anchor.program.fd };
  }
  return { flags, relative: 0 };
}

/** What the addon says of a pin that is something else; no errno is that large. */
const notALink = 0xffffffff;

/** As much of struct bpf_link_info as links on devices have. */
const linkInfoBytes = 64;

export function readLinkInfo(fd: number): LinkInfo {
  const { bytes } = readInfo(fd, linkInfoBytes);
  return parseLinkInfo(new DataView(bytes.buffer, bytes.byteOffset), 0);
}

/** What `openPinned(path).info` gives or throws for each path, in one go. */
export function readPinnedLinks(paths: readonly string[]): readonly (LinkInfo | BpfError)[] {
  const { infos, errnos } = native.pinnedLinks(paths);
  const view = new DataView(infos.buffer, infos.byteOffset, infos.byteLength);
  return paths.map((path, i) => {
    const errno = errnos[i] ?? 0;
    if (errno === notALink)
      return new BpfError({ code: 'wrong-kind', operation: 'open pin', object: path, summary: 'this is no link' });
    if (errno !== 0) return errnoError(errno, 'BPF_OBJ_GET', path);
    return parseLinkInfo(view, i * linkInfoBytes);
  });
}

function parseLinkInfo(view: DataView, at: number): LinkInfo {
  const word = (offset: number) => view.getUint32(at + offset, LITTLE);
  const type = linkTypeName(word(0));
  const base = { type, id: word(4), programId: word(8) };
  if (type === 'xdp') return { ...base, ifindex: word(16) };
  if (type !== 'tcx') return base;
  const direction = word(20) === AttachType.tcxIngress ? 'ingress' : 'egress';
  return { ...base, ifindex: word(16), direction };
}
