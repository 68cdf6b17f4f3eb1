// SPDX-License-Identifier: Apache-2.0
// How a station of a router's network is reached where VLANs are on the way.

export interface Tag {
  readonly protocol: number;
  readonly vid: number;
}

export interface Way {
  /** Where its frames come in and go out, and the tags that they have there; outermost first. */
  readonly port: number;
  readonly tags: readonly Tag[];
  /** The device that the router has the network on. */
  readonly device: string;
  /** MAC address of that device. */
  readonly mac: string;
  /** The interface whose claim of acceleration counts for what comes in. */
  readonly claim: string;
}

/** What is left of a frame without its tags, if they are those of a way, whatever their priorities. */
export function untaggedBy(bytes: string, { tags }: Way): string | undefined {
  let rest = bytes;
  for (const { protocol, vid } of tags) {
    const [type, tci] = [rest.slice(24, 28), rest.slice(28, 32)].map((digits) => Number.parseInt(digits, 16));
    if (type !== protocol || tci === undefined || (tci & 0xfff) !== vid) return undefined;
    rest = rest.slice(0, 24) + rest.slice(32);
  }
  return rest;
}
