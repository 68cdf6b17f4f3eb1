// SPDX-License-Identifier: Apache-2.0
// What a controller says of the state that it has brought about, and of the one that it leaves.

import type { Desired } from '../model/desired.js';
import { hasLease } from '../model/lease.js';
import type { Plan } from '../model/plan.js';
import { count } from './table.js';

export interface Progress {
  /** Interfaces that are accelerated as desired. */
  readonly accelerated: number;
  /** Interfaces that are not as desired yet, because something failed or has to wait. */
  readonly failed: number;
}

export function progressOf(desired: Desired, remaining: Plan): Progress {
  const failed = new Set(remaining.unplaced.map((one) => one.interface));
  for (const action of remaining.actions) if ('interface' in action) failed.add(action.interface);
  const accelerated = desired.interfaces.filter(({ name, pipeline }) => pipeline !== undefined && !failed.has(name));
  return { accelerated: accelerated.length, failed: failed.size };
}

export function progressText({ accelerated, failed }: Progress): string {
  const lacking = failed === 0 ? '' : `, ${count(failed, 'interface')} not as desired`;
  return `watching, ${count(accelerated, 'interface')} accelerated${lacking}`;
}

/** Interfaces that nobody vouches for once the controller has ended. */
export function leasedIn(desired: Desired): readonly string[] {
  return desired.interfaces.filter(hasLease).map(({ name }) => name);
}

const mostNames = 8;

export function stoppedText(leased: readonly string[], seconds: number): string {
  const stays = 'stopped; what is accelerated stays so';
  if (leased.length === 0) return stays;
  const more = leased.length > mostNames ? ` and ${leased.length - mostNames} more` : '';
  return `${stays}, but ${leased.slice(0, mostNames).join(', ')}${more} only under a lease: for ${seconds} s, unless a controller renews it`;
}
