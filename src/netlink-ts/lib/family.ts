// SPDX-License-Identifier: Apache-2.0
// What the generic netlink controller tells of a family: its number and those of its multicast groups, which a module gets anew each time it is loaded.
import { bundledSpec } from './bundled.js';
import type { Message } from './codec.js';
import type { Input } from './decode.js';
import { errnoError, NetlinkError } from './errors.js';
import { type Frame, MessageFlag, MessageType } from './framing.js';
import { decodeBody, encodeMessage, layoutOf } from './messages.js';
import type { RequestChannel } from './request-channel.js';

export interface Family {
  readonly id: number;
  readonly groups: ReadonlyMap<string, number>;
}

/** The group to which the controller tells of families that come and go (net/netlink/genetlink.c, `genl_ctrl`). */
export const familyChanges = { name: 'notify', number: 0x10 } as const;

const enoent = 2;

/**
 * Asks for the family by its name, for which the kernel loads the module that has it, and waits for that; or, when `loaded`, looks
 * for it among those that are there.
 * @throws NetlinkError `unsupported` when the running kernel has no such family
 */
export async function resolveFamily(channel: RequestChannel, name: string, loaded: boolean): Promise<Family> {
  const controller = bundledSpec('nlctrl');
  if (name === controller.name) return { id: MessageType.firstOfFamily, groups: new Map() };
  const operation = `find generic netlink family ${name}`;
  let found: Message | undefined;
  const { acknowledgement } = await channel.send({
    operation,
    bytes: loaded
      ? encodeMessage(controller, 'getfamily', 'dump')
      : encodeMessage(controller, 'getfamily', 'do', { family_name: name }, { flags: MessageFlag.ack }),
    onMessage: (input, frame) => {
      const message = controllerMessage(input, frame)?.message;
      if (message?.family_name === name) found = message;
    },
  });
  if (acknowledgement.errno === enoent || (loaded && found === undefined && acknowledgement.errno === 0)) {
    throw new NetlinkError('unsupported', 'the running kernel has no such family', { operation, errno: enoent });
  }
  if (acknowledgement.errno !== 0) throw errnoError(acknowledgement.errno, { operation });
  const family = found === undefined ? undefined : familyOf(found);
  if (family === undefined) throw new NetlinkError('malformed', 'the answer has no family id', { operation });
  return family;
}

/** What an event of the controller says of the family: what it is now, or `gone`; undefined where it is about another one. */
export function familyChange(input: Input, frame: Frame, name: string): Family | 'gone' | undefined {
  const event = controllerMessage(input, frame);
  if (event?.message.family_name !== name) return undefined;
  return event.operation === 'delfamily-ntf' ? 'gone' : familyOf(event.message);
}

function controllerMessage(input: Input, frame: Frame): { operation: string; message: Message } | undefined {
  const controller = bundledSpec('nlctrl');
  const layout = layoutOf(controller, input, frame);
  if (layout === undefined) return undefined;
  return {
    operation: layout.operation,
    message: decodeBody(controller, input, frame, layout, layout.attributes),
  };
}

function familyOf({ family_id: id, mcast_groups: list }: Message): Family | undefined {
  if (typeof id !== 'number') return undefined;
  const groups = new Map<string, number>();
  for (const group of Array.isArray(list) ? (list as readonly Message[]) : []) {
    const { name: groupName, id: groupId } = group;
    if (typeof groupName === 'string' && typeof groupId === 'number') groups.set(groupName, groupId);
  }
  return { id, groups };
}
