import type { KernelResult } from './bench-kernels.js';

/** What a worker does in a step with one kernel, or with all. */
export interface Roof {
  kernel: string;
  calls: number;
  /** At the speed of each kernel alone. */
  aloneMs: number;
  /** What peak and bandwidth allow. */
  roofMs: number;
}

/** In a step of the cases, which drop nothing, there is none. */
const OUTSIDE = 'dropout';
export const ALL = 'all';

/**
 * Sums the kernels of a step up, by kernel, the last for all of them.
 *
 * @param kernels of a step that is cut for so many workers
 */
export function sumRoofs(kernels: readonly KernelResult[], workers: number): Roof[] {
  const roofs = new Map<string, Roof>();
  const all: Roof = { kernel: ALL, calls: 0, aloneMs: 0, roofMs: 0 };
  for (const { kernel, step } of kernels) {
    if (kernel === OUTSIDE) continue;
    const own = roofs.get(kernel) ?? { kernel, calls: 0, aloneMs: 0, roofMs: 0 };
    roofs.set(kernel, own);
    for (const sum of [own, all]) {
      sum.calls += step.calls / workers;
      sum.aloneMs += step.aloneMs / workers;
      sum.roofMs += step.roofMs / workers;
    }
  }
  return [...roofs.values(), all];
}
