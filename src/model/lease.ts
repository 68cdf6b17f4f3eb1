// SPDX-License-Identifier: Apache-2.0
// For how long pipelines trust what only the controller can see.

import type { Desired, DesiredInterface } from './desired.js';
import { leaseFpm } from './library.js';

/**
 * Which pipelines work only while a controller vouches for them: those that take something for granted that no FPM can see
 * (`needed`), all, or none (`off`). `refused`: no controller will run, so a pipeline that needs one is not built.
 */
export interface LeasePolicy {
  readonly scope: 'needed' | 'all' | 'off' | 'refused';
  /** How long the fast path goes on after the controller was last seen. */
  readonly seconds: number;
}

/** Long enough for a controller to be restarted or upgraded, short enough for a person to wait for. */
export const defaultLease: LeasePolicy = { scope: 'needed', seconds: 60 };

/** The lease as found in the kernel. */
export interface LeaseState {
  /** What the last controller was told; undefined when it was told nothing. */
  readonly policy: LeasePolicy | undefined;
  /** Seconds until it expires, negative since when it has; undefined when it was never renewed. */
  readonly left: number | undefined;
}

/** Whether the interface's pipeline works under a lease. */
export function hasLease({ pipeline }: DesiredInterface): boolean {
  return pipeline?.modules.includes(leaseFpm) === true;
}

/** Whether any pipeline does. */
export function isLeased(desired: Desired): boolean {
  return desired.interfaces.some(hasLease);
}
