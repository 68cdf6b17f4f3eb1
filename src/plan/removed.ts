// SPDX-License-Identifier: Apache-2.0
// Says why something is taken off an interface: what speaks against that which was there, not against whatever else it might have had.

import type { Desired, DesiredInterface } from '../model/desired.js';
import type { Attachment } from '../model/snapshot.js';

/** One clause, of an attachment that does not stay. */
export function whyRemoved(gone: Attachment, { interfaces }: Desired): string {
  if (gone.linkId === 0) return 'no dispatcher has this slot';
  if (!gone.alive) return 'the device is gone';
  const wish = interfaces.find((i) => i.ifindex === gone.ifindex);
  if (wish === undefined) return 'no rule asks for it';
  if (wish.pipeline !== undefined)
    return wish.pipeline.hook === gone.hook ? 'it is attached twice' : `${wish.name} moves to ${wish.pipeline.hook}`;
  // Where there is a word about hooks there are services, and it is the hook that fails.
  const note = wish.hookNotes.find(({ hook }) => hook === gone.hook) ?? wish.hookNotes[0];
  if (note !== undefined) return note.message;
  // Programs are told apart by what they are made of: an interface that still wants this one says which services it is for.
  const other = gone.pipeline === undefined ? undefined : interfaces.find((i) => i.pipeline?.id === gone.pipeline);
  return other === undefined ? whyNothing(wish) : whyWithout(other.services, wish);
}

/** The interface had these services. */
function whyWithout(had: readonly string[], { name, reasons }: DesiredInterface): string {
  const lost = reasons.find(({ services = had }) => services.some((service) => had.includes(service)));
  return lost?.message ?? `${name} is no longer one that ${had.join(', ')} is for`;
}

/** It cannot be told what the interface had. */
function whyNothing({ name, reasons }: DesiredInterface): string {
  const [first, ...more] = reasons;
  if (first === undefined) return 'no rule asks for it';
  const services = [...new Set(reasons.flatMap((reason) => reason.services ?? []))];
  if (services.length === 0 || more.length === 0) return first.message;
  return `${name} can have no ${services.join(', ')}: \`tna explain ${name}\` says why`;
}
