// SPDX-License-Identifier: Apache-2.0
// An interface that is to go to another hook keeps what it has until it is there: a driver may refuse it. But only what it would get, here and
// now, if it were to stay: anything else was built for a configuration that is no more.

import type { Desired } from '../model/desired.js';
import type { ForcedHooks } from '../model/forced-hooks.js';
import type { Deployed } from '../model/snapshot.js';

/** `insisting` derives the desired state with these hooks insisted on, beside those that the user insists on. */
export function withMeanwhile(
  desired: Desired,
  deployed: Deployed,
  insisting: (hooks: ForcedHooks) => Desired,
): Desired {
  const wishes = new Map(desired.interfaces.map((wish) => [wish.ifindex, wish]));
  const leaving = deployed.attachments.flatMap(({ ifindex, hook, alive, pipeline }) => {
    const wish = wishes.get(ifindex);
    if (!alive || pipeline === undefined || wish?.pipeline === undefined || wish.pipeline.hook === hook) return [];
    return [{ name: wish.name, ifindex, hook, pipeline }];
  });
  if (leaving.length === 0) return desired;
  const staying = insisting(new Map(leaving.map(({ name, hook }) => [name, hook])));
  const right = new Map(staying.interfaces.map(({ ifindex, pipeline }) => [ifindex, pipeline]));
  const meanwhile = new Map(
    leaving.flatMap(({ ifindex, hook, pipeline }) => {
      const there = right.get(ifindex);
      return there?.hook === hook && there.id === pipeline ? [[ifindex, { hook, pipeline }] as const] : [];
    }),
  );
  const interfaces = desired.interfaces.map((wish) => {
    const kept = meanwhile.get(wish.ifindex);
    return kept === undefined ? wish : { ...wish, meanwhile: kept };
  });
  return { ...desired, interfaces };
}
