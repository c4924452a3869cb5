import type { Backend } from './backend.js';

/**
 * The kernels in plain TypeScript, float64 inside: the oracle of every kernel test. On a float64 heap whole
 * models run in float64, which is what finite differences need.
 */
export function createReferenceBackend(): Backend {
  return {
    name: 'reference',
    profile: 'float64',
    lanes: 1,
    bind: (kernel, operands) => kernel.reference(operands),
    release: () => undefined,
  };
}
