// SPDX-License-Identifier: Apache-2.0
// Asks the generic netlink controller for the numbers of a family and of its multicast groups.
import { bundledSpec } from './bundled.js';
import type { Message } from './codec.js';
import { errnoError, NetlinkError } from './errors.js';
import { MessageFlag, MessageType } from './framing.js';
import { decodeBody, encodeMessage, layoutOf } from './messages.js';
import type { RequestChannel } from './request-channel.js';

export interface Family {
  readonly id: number;
  readonly groups: ReadonlyMap<string, number>;
}

const enoent = 2;

/** @throws NetlinkError `unsupported` when the running kernel has no such family */
export async function resolveFamily(channel: RequestChannel, name: string): Promise<Family> {
  const controller = bundledSpec('nlctrl');
  if (name === controller.name) return { id: MessageType.firstOfFamily, groups: new Map() };
  const operation = `find generic netlink family ${name}`;
  let found: Message | undefined;
  const { acknowledgement } = await channel.send({
    operation,
    bytes: encodeMessage(controller, 'getfamily', 'do', { family_name: name }, { flags: MessageFlag.ack }),
    onMessage: (input, frame) => {
      const layout = layoutOf(controller, input, frame);
      if (layout !== undefined) found = decodeBody(controller, input, frame, layout, layout.attributes);
    },
  });
  if (acknowledgement.errno === enoent) {
    throw new NetlinkError('unsupported', 'the running kernel has no such family', { operation, errno: enoent });
  }
  if (acknowledgement.errno !== 0) throw errnoError(acknowledgement.errno, { operation });
  const id = found?.family_id;
  if (typeof id !== 'number') throw new NetlinkError('malformed', 'the answer has no family id', { operation });
  const groups = new Map<string, number>();
  const list = found?.mcast_groups;
  for (const group of Array.isArray(list) ? (list as readonly Message[]) : []) {
    const { name: groupName, id: groupId } = group;
    if (typeof groupName === 'string' && typeof groupId === 'number') groups.set(groupName, groupId);
  }
  return { id, groups };
}
