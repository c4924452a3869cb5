import {
  pairedGradientScratch,
  pairedTokens,
  pairTokens,
  weightGradientBfloat16,
} from '../../backend/kernels/weight-gradient-bfloat16.js';
import { GRADIENT_SCRATCH, weightGradient } from '../../backend/kernels/weight-gradient.js';
import type { Windows } from '../../backend/kernels/windows.js';
import type { BufferSpec, HeapPlan, IndexTensor, Tensor } from '../../tensor/heap.js';
import { bindParameter, countRows, sumOrder, type Binding, type RowKernel } from '../binding.js';
import { streamsOf } from '../graph/shape.js';
import type { Signal } from '../signal.js';
import { maxDistinct, maxPlaces, sourceSizes, spellingSizes, type NetworkSizes } from '../sizes.js';
import type { WorkGroup } from '../work/shares.js';

/** The gradient of a weight, by units of its rows, and what has to be done before, in a phase of its own. */
export interface WeightGradient {
  run: RowKernel;
  /** Where it is formed of bfloat16: what it reads of the input, by panels of that. */
  pairs?: readonly WorkGroup[];
}

/** The same as work that is shared out. */
export interface WeightGradientGroup extends WorkGroup {
  readonly pairs?: readonly WorkGroup[];
}

/**
 * What the gradient of a weight reads of its input where it is formed of bfloat16, rounded once for all who form a part of it; nothing
 * elsewhere.
 *
 * @param rows most of them in a batch
 * @param columns of the input, all taps side by side
 */
export function planGradientInput(
  heap: HeapPlan,
  { precision, training, shards }: NetworkSizes,
  name: string,
  { rows, columns }: { rows: number; columns: number },
): BufferSpec | undefined {
  if (precision !== 'bfloat16' || !training) return undefined;
  return heap.pairedPanels(`pairs for d ${name}`, pairedTokens(rows, shards), columns);
}

/** Floats of a thread's scratch that the gradients of weights need. */
export function gradientScratch(sizes: NetworkSizes): number {
  if (sizes.precision !== 'bfloat16') return GRADIENT_SCRATCH;
  const spelled = streamsOf(sizes.shape).flatMap(({ spells }, stream) =>
    spells ? [spellingSizes(sizes, stream)] : [],
  );
  const all = [sizes, ...(sizes.source ? [sourceSizes(sizes)] : []), ...spelled];
  const rows = Math.max(...all.map((each) => Math.max(maxPlaces(each), maxDistinct(each))));
  return Math.max(GRADIENT_SCRATCH, pairedGradientScratch(rows, sizes.shards));
}

/**
 * Binds the gradient of a weight, and of the biases of the same rows: sums over all rows of a signal in the order that all
 * sums have.
 *
 * @param operands.per what the rows of both matrices are
 * @param operands.orderInput of rows `per` token: where the input of each lies, if not at its own place
 * @param operands.paired as `planGradientInput` has planned it
 */
export function bindWeightGradient(
  binding: Binding,
  operands: {
    weight: string;
    biases?: readonly string[];
    dOutput: Tensor;
    input: Tensor;
    per: Signal['per'];
    orderInput?: IndexTensor;
    /** How far tokens lie one behind the other in both orders. */
    runs?: IndexTensor;
    /** Of a convolution: what its taps see of the input. */
    windows?: Windows;
    /** Where it is formed, if not where the parameter's lies. */
    out?: Tensor;
    paired: BufferSpec | undefined;
  },
): WeightGradient {
  const { backend, heap, scratch } = binding;
  const { dOutput, input, per, biases = [], paired, windows } = operands;
  const weight = bindParameter(binding, operands.weight);
  const { segments, orderOutput, ...order } = sumOrder(binding, per);
  const orderInput = operands.orderInput ?? order.orderInput;
  const runs = operands.runs ?? order.runs;
  const out = operands.out ?? weight.gradient!;
  const sums = {
    ...{ dOutput, segments, out, rows: weight.rows, scratch },
    ...(orderOutput && { orderOutput }),
    // Biases of the same rows have the same gradient, which lies in one place.
    ...(biases.length > 0 && {
      bias: { out: bindParameter(binding, biases[0]!).gradient!, copies: biases.length },
    }),
    squares: weight.squares!,
  };
  const given = { ...(orderInput && { orderInput }), ...(windows && { windows }) };
  if (!paired) {
    return {
      run: backend.bind(weightGradient, { ...sums, input, ...given, ...(runs && { runs }) }),
    };
  }
  const words = heap.indices(paired);
  const pair = backend.bind(pairTokens, { input, segments, ...given, out: words });
  return {
    run: backend.bind(weightGradientBfloat16, { ...sums, input: words }),
    pairs: [weightGradientGroup(binding, paired.shape[0]!, () => countRows(binding, per), pair)],
  };
}

/**
 * As work that is shared out: its cost follows the batch.
 *
 * @param cost of a unit: multiply-adds for each of its rows
 */
export function weightGradientGroup(
  binding: Binding,
  units: number,
  cost: () => number,
  gradient: WeightGradient | RowKernel,
): WeightGradientGroup {
  const { run, pairs }: WeightGradient =
    typeof gradient === 'function' ? { run: gradient } : gradient;
  return {
    units,
    get cost() {
      return cost();
    },
    run(from, to) {
      run(from, to);
      binding.clock.lap('weight gradients');
    },
    ...(pairs && { pairs }),
  };
}
