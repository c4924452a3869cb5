import type { Precision } from '../../backend/backend.js';
import { pack, packBias as packBiases } from '../../backend/kernels/pack.js';
import { packPairs } from '../../backend/kernels/pack-bfloat16.js';
import type { RowMap } from '../../backend/kernels/rows.js';
import {
  PANEL,
  panelsOf,
  type BufferSpec,
  type Heap,
  type HeapPlan,
  type IndexTensor,
  type Tensor,
} from '../../tensor/heap.js';
import { bindParameter, type Binding, type RowKernel } from '../binding.js';
import type { Pack } from '../layer.js';

/** A weight in the panels that products read: numbers, or in bfloat16 words of two, as `packPairs` packs them. */
export interface PackedWeight {
  /** [units, inputs, 16]: Wᵀ for x Wᵀ */
  forward: BufferSpec;
  /** [input panels, 16 units, 16]: W for dy W */
  backward: BufferSpec;
}

/** @param outputs columns of x Wᵀ, padding included */
export function planPacked(
  heap: HeapPlan,
  name: string,
  outputs: number,
  inputs: number,
  precision: Precision = 'float32',
): PackedWeight {
  if (precision === 'bfloat16') {
    return {
      forward: heap.pairedPanels(`packed ${name} forward`, inputs, outputs),
      backward: heap.pairedPanels(`packed ${name} backward`, outputs, inputs),
    };
  }
  return {
    forward: heap.panels(`packed ${name} forward`, panelsOf(inputs) * PANEL, outputs),
    backward: heap.panels(`packed ${name} backward`, outputs, inputs),
  };
}

/** What kernels read that take a weight of either precision. */
export function viewPacked(heap: Heap, packed: BufferSpec): Tensor | IndexTensor {
  return packed.type === 'int32' ? heap.indices(packed) : heap.tensor(packed);
}

/** Binds the packing of a weight's units. */
export function bindPack(
  { backend, heap }: Binding,
  weight: Tensor,
  rows: RowMap,
  { forward, backward }: PackedWeight,
): RowKernel {
  if (forward.type === 'int32') {
    return backend.bind(packPairs, {
      ...{ weight, rows },
      forward: heap.indices(forward),
      backward: heap.indices(backward),
    });
  }
  return backend.bind(pack, {
    ...{ weight, rows },
    forward: heap.tensor(forward),
    backward: heap.tensor(backward),
  });
}

export function packWeight(binding: Binding, name: string, packed: PackedWeight): Pack {
  const { value, rows, units } = bindParameter(binding, name);
  return {
    parameters: [name],
    group: { units, cost: value.shape[1]!, run: bindPack(binding, value, rows, packed) },
  };
}

/** A bias, or the sum of two, in the order of the panels. */
export function packBias(binding: Binding, names: readonly string[], out: Tensor): Pack {
  const { backend } = binding;
  const [first, second] = names.map((name) => bindParameter(binding, name));
  const { value, rows, units } = first!;
  return {
    parameters: names,
    group: {
      units,
      cost: 2,
      run: backend.bind(packBiases, {
        first: value,
        rows,
        ...(second && { second: { bias: second.value, rows: second.rows } }),
        out,
      }),
    },
  };
}
