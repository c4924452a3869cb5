import { dropWeights } from '../backend/kernels/drop-weights.js';
import { pack } from '../backend/kernels/pack.js';
import type { RowMap } from '../backend/kernels/rows.js';
import type { BufferSpec, HeapPlan } from '../tensor/heap.js';
import { streamOf } from '../tensor/random.js';
import { bindParameter, type Binding, type RowKernel } from './binding.js';
import { planPacked, type PackedWeight } from './packed-weight.js';
import type { Parameter } from './parameters.js';

/**
 * A weight of which single elements are dropped in training (DropConnect: Wan et al. 2013; of recurrent weights: Merity et al. 2017):
 * drawn anew in every step, before it, by the parameter's name and each element's place. What is left lies beside the weight, which the
 * optimizer moves and evaluation reads.
 */
export interface DroppedWeight {
  /** Like the weight. */
  value: BufferSpec;
  packed: PackedWeight;
}

export function planDropped(
  heap: HeapPlan,
  { name, shape }: Parameter,
  outputs: number,
): DroppedWeight {
  return {
    value: heap.tensor(`dropped ${name}`, shape),
    packed: planPacked(heap, `dropped ${name}`, outputs, shape[1]!),
  };
}

/**
 * Binds what draws the weight of a step, and what of its gradient becomes the parameter's.
 *
 * @param dropped.map of rows to panels of the packed weight
 * @param dropped.biases whose gradients are formed with the weight's
 */
export function bindDropped(
  binding: Binding,
  dropped: {
    name: string;
    rate: number;
    weight: DroppedWeight;
    map: RowMap;
    biases: readonly string[];
  },
): { draw: RowKernel; mask: RowKernel } {
  const { backend, heap, sizes, settings } = binding;
  const { name, rate, weight, map, biases } = dropped;
  const { value, rows, gradient, squares } = bindParameter(binding, name);
  const left = heap.tensor(weight.value);
  const mask = { rate, seed: sizes.seed, stream: streamOf(name), step: settings };
  const drop = backend.bind(dropWeights, { weight: value, out: left, rows, ...mask });
  const repack = backend.bind(pack, {
    weight: left,
    rows: map,
    forward: heap.tensor(weight.packed.forward),
    backward: heap.tensor(weight.packed.backward),
  });
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
