// SPDX-License-Identifier: Apache-2.0
// A measured figure, the goal it is held against, and the verdict.

import type { Section } from './options.js';
import type { Summary } from './statistics.js';

export interface Goal {
  readonly relation: 'at least' | 'at most';
  readonly value: number;
}

export interface Figure {
  readonly section: Section;
  /** Stable name for scripts. */
  readonly id: string;
  readonly label: string;
  readonly unit: string;
  readonly decimals: number;
  /** What is held against the goal. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly samples: number;
  readonly goal: Goal | undefined;
  readonly note: string | undefined;
}

export interface FigureInput {
  readonly id: string;
  readonly label: string;
  readonly unit: string;
  readonly decimals?: number;
  readonly goal?: Goal;
  readonly note?: string;
  /** Judge this instead of the median, such as a 99th percentile. */
  readonly value?: number;
}

export function figure(section: Section, of: Summary, input: FigureInput): Figure {
  return {
    section,
    id: input.id,
    label: input.label,
    unit: input.unit,
    decimals: input.decimals ?? 2,
    value: input.value ?? of.median,
    low: of.low,
    high: of.high,
    samples: of.count,
    goal: input.goal,
    note: input.note,
  };
}

export type Verdict = 'met' | 'missed' | 'unclear' | 'none';

/** A ratio that varies more than this between rounds says more about what else the machine did. */
const steady = 3;

export function verdictOf({ value, goal, unit, low, high }: Figure): Verdict {
  if (goal === undefined) return 'none';
  if (unit === '×' && high > low * steady) return 'unclear';
  return (goal.relation === 'at least' ? value >= goal.value : value <= goal.value) ? 'met' : 'missed';
}

export const atLeast = (value: number): Goal => ({ relation: 'at least', value });
export const atMost = (value: number): Goal => ({ relation: 'at most', value });
