import { tokenSum } from '../../backend/kernels/embedding.js';
import { panelOfUnit } from '../../backend/kernels/rows.js';
import type { Tensor } from '../../tensor/heap.js';
import { countRows, type Binding } from '../binding.js';
import { bindDropped } from '../weights/dropped-weight.js';
import {
  bindWeightGradient,
  weightGradientGroup,
  type WeightGradientGroup,
} from '../weights/weight-gradients.js';
import type { PlannedRecurrence } from './cell.js';
import { bindHiddenPack, inBlocks } from './hidden-weight.js';

/** What the gradients of a recurrent layer's weights are formed of. */
export interface GradientOperands {
  input: Tensor;
  /** By place, and of some cells what inner blocks are multiplied with. */
  hidden: Tensor;
  inner?: Tensor;
  /** By distinct token, where the input is: where the gradients of its places are summed up. */
  projected?: Tensor;
  /** Gradients by place: of the products with x_t, and with h_{t−1}. */
  dSums: { input: Tensor; hidden: Tensor };
}

/**
 * The gradients of W_ih and W_hh, and of the biases that are added to the same sums: with layer normalization these are not, and
 * have theirs elsewhere. With dropped weights `draw` draws one part's share of those of a step, before it.
 */
export function bindRecurrentGradients(
  binding: Binding,
  { cell, parameters, buffers, direction, weightDropout, inputPer }: PlannedRecurrence,
  { input, hidden, inner, projected, dSums }: GradientOperands,
): { weightGradients: WeightGradientGroup[]; draw?: (part: number) => void } {
  const { backend, heap, slotPlan, view, clock } = binding;
  const { inputWeight, hiddenWeight, inputBias, hiddenBias, norm } = parameters;
  const { droppedWeight: dropped, gradientInputs } = buffers;
  const isReversed = direction === 'backwards';
  const isShared = hiddenBias.gradientKind.kind === 'same';
  const biases = isShared ? [inputBias.name, hiddenBias.name] : [hiddenBias.name];
  const ofHiddenWeight = {
    ...{ weight: hiddenWeight.name, biases: norm ? [] : biases },
    ...{ dOutput: dSums.hidden, per: 'token' as const },
  };
  const dOuterWeight = bindWeightGradient(binding, {
    ...{ ...ofHiddenWeight, input: hidden, paired: gradientInputs?.hidden },
    orderInput: heap.indices(isReversed ? slotPlan.following : slotPlan.previous),
    runs: heap.indices(isReversed ? slotPlan.reversedRuns : slotPlan.runs),
  });
  const dInnerWeight =
    inner &&
    bindWeightGradient(binding, {
      ...{ ...ofHiddenWeight, input: inner, paired: gradientInputs?.inner },
    });
  const dHiddenWeight = dInnerWeight
    ? inBlocks(cell, dOuterWeight.run, dInnerWeight.run)
    : dOuterWeight.run;
  const drawn =
    dropped &&
    bindDropped(binding, {
      ...{ name: hiddenWeight.name, rate: weightDropout, left: dropped.value },
      biases: ofHiddenWeight.biases,
      pack: (left) => bindHiddenPack(binding, left, cell, dropped.packed),
    });
  const dInputWeight = bindWeightGradient(binding, {
    weight: inputWeight.name,
    biases: isShared || norm ? [] : [inputBias.name],
    ...{ dOutput: projected ?? dSums.input, input, per: inputPer },
    paired: buffers.inputWeight.gradientInput,
  });
  const sum =
    projected &&
    backend.bind(tokenSum, {
      gradient: dSums.input,
      starts: heap.indices(slotPlan.distinctStart),
      positions: heap.indices(slotPlan.positions),
      out: projected,
    });
  const [hiddenSize, inputs] = [hiddenWeight.shape[1]!, inputWeight.shape[1]!];
  return {
    weightGradients: [
      weightGradientGroup(binding, hiddenWeight.units, () => view.tokens * hiddenSize, {
        pairs: [dOuterWeight, dInnerWeight].flatMap((each) => each?.pairs ?? []),
        run(from, to) {
          dHiddenWeight(from, to);
          drawn?.mask(from, to);
        },
      }),
      weightGradientGroup(
        binding,
        inputWeight.units,
        () => countRows(binding, inputPer) * inputs + (sum ? view.tokens : 0),
        {
          ...dInputWeight,
          run(from, to) {
            if (sum) {
              for (let unit = from; unit < to; unit++) {
                const panel = panelOfUnit(unit, inputWeight.rows);
                sum(0, view.distinct(), panel, panel + 1);
              }
              clock.lap('embedding gradients');
            }
            dInputWeight.run(from, to);
          },
        },
      ),
    ],
    ...(drawn && {
      draw: (part: number) => {
        drawn.draw(...view.share(hiddenWeight.units, part));
        clock.lap('dropout');
      },
    }),
  };
}
