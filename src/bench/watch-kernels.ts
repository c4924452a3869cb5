import type { Backend } from '../backend/backend.js';
import type { Work } from '../backend/kernels/work.js';
import type { IndexTensor, Tensor } from '../tensor/heap.js';

/** A kernel with its operands, as it is told of: the same object for every call. */
export interface BoundKernel {
  kernel: string;
  about: Tensor | IndexTensor;
  changes: readonly (Tensor | IndexTensor)[];
}

/** Is told of a call of a kernel and what it will do, and makes it. */
export type ObserveCall = (bound: BoundKernel, work: Work, run: () => void) => void;

/** A backend whose kernels tell what they are about to do. */
export function watchKernels(backend: Backend, observe: ObserveCall): Backend {
  return {
    name: backend.name,
    profile: backend.profile,
    lanes: backend.lanes,
    release: () => backend.release(),
    bind(kernel, operands) {
      const run = backend.bind(kernel, operands);
      const bound = kernel.work?.(operands);
      if (!bound) return run;
      return (...args) => {
        observe(bound, bound.of(...args), () => {
          run(...args);
        });
      };
    },
  };
}
