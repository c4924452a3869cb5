import { dropWeights } from '../../backend/kernels/drop-weights.js';
import type { BufferSpec, Tensor } from '../../tensor/heap.js';
import { streamOf } from '../../tensor/random.js';
import { bindParameter, type Binding, type RowKernel } from '../binding.js';

/*
 * A weight of which single elements are dropped in training (DropConnect: Wan et al. 2013; of recurrent weights: Merity et al. 2017):
 * drawn anew in every step, before it, by the parameter's name and each element's place. What is left lies beside the weight, which the
 * optimizer moves and evaluation reads.
 */

/**
 * Binds what draws the weight of a step, and what of its gradient becomes the parameter's.
 *
 * @param dropped.left where what is left of it in the step under way lies, like the weight
 * @param dropped.pack packs units of that
 * @param dropped.biases whose gradients are formed with the weight's
 */
export function bindDropped(
  binding: Binding,
  dropped: {
    name: string;
    rate: number;
    left: BufferSpec;
    pack: (left: Tensor) => RowKernel;
    biases: readonly string[];
  },
): { draw: RowKernel; mask: RowKernel } {
  const { backend, heap, sizes, settings } = binding;
  const { name, rate, biases } = dropped;
  const { value, rows, gradient, squares } = bindParameter(binding, name);
  const left = heap.tensor(dropped.left);
  const mask = { rate, seed: sizes.seed, stream: streamOf(name), step: settings };
  const drop = backend.bind(dropWeights, { weight: value, out: left, rows, ...mask });
  const repack = dropped.pack(left);
  const bias = biases[0] && {
    values: bindParameter(binding, biases[0]).gradient!,
    copies: biases.length,
  };
  return {
    draw(unit0, unit1) {
      drop(unit0, unit1);
      repack(unit0, unit1);
    },
    mask: backend.bind(dropWeights, {
      ...{ weight: gradient!, out: gradient!, rows, ...mask },
      squares: { out: squares!, ...(bias && { bias }) },
    }),
  };
}
