import type { SequenceCall, SequenceShare } from '../../backend/kernels/sequence.js';
import type { RowKernel } from '../binding.js';
import type { Clock } from '../clock.js';
import type { StepPasses } from '../layer.js';
import type { BoundInitialState } from './initial-state.js';

/** What a recurrent layer does on the way back. */
export interface TrainedRecurrence {
  backward: SequenceCall;
  /** From the sums to the products with x_t, where these were normalised. */
  normalize: RowKernel | undefined;
  dInput: RowKernel | undefined;
  /** Whether somebody asks for the gradient of what rows begin with. */
  begins: boolean;
}

/**
 * A recurrent layer step by step, with whatever comes between: what stands at the places of a step is multiplied when the step has come.
 *
 * @param layer.calls of its kernel in a step
 * @param layer.project the products with x_t
 * @param layer.shareOf a part's share of the batch
 * @param layer.trained absent but in training
 */
export function recurrentSteps(
  clock: Clock,
  layer: {
    calls: number;
    project: RowKernel;
    forward: SequenceCall;
    shareOf: (part: number) => SequenceShare;
    trained: () => TrainedRecurrence | undefined;
    given?: BoundInitialState;
  },
): StepPasses {
  const { calls, project, forward, shareOf, trained, given } = layer;
  /** By part. */
  const shares: SequenceShare[] = [];
  return {
    calls,
    begin(part) {
      shares[part] = shareOf(part);
      given?.begin(part);
    },
    enter: (part) => forward(shares[part]!, -1, 0),
    before(place0, place1) {
      project(place0, place1);
      clock.lap('input product');
    },
    behind(place0, place1) {
      const { normalize, dInput } = trained()!;
      normalize?.(place0, place1);
      dInput?.(place0, place1);
      clock.lap('input product');
    },
    forward(part, call) {
      forward(shares[part]!, call, call + 1);
      clock.lap('recurrence');
    },
    backward(part, call) {
      trained()!.backward(shares[part]!, call, call + 1);
      clock.lap('recurrence');
    },
    leave(part) {
      const { begins, backward } = trained()!;
      if (begins) backward(shares[part]!, -1, 0);
    },
    end: (part) => given?.handBack!(part),
  };
}
