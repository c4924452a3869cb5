/** Types of what tests import of deaths.js. */

export interface PlannedDeath {
  step: number;
  phase: string;
  when: string;
  way: string;
}

export function planDeaths(
  count: number,
  steps: number,
  dice: (n: number) => number,
  run?: { inTeams?: boolean; precision?: 'float32' | 'bfloat16' },
): PlannedDeath[];
