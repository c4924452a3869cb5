import { regression } from '../../backend/kernels/regression.js';
import type { LossKind } from '../loss.js';
import { mostRows } from '../sizes.js';

export interface RegressionOptions {
  /** What targets are standardised by: the network's output is (target − mean) / deviation. */
  mean?: number;
  /** Above 0. */
  deviation?: number;
}

/**
 * The mean squared or absolute error of one number, PyTorch's MSELoss or L1Loss of the standardised targets: with the squared error
 * 1 is what the mean alone would have.
 */
function lossOf(kind: string, absolute: boolean): LossKind {
  return {
    kind,
    plan(options, heap, sizes, { per }, outputs) {
      const { mean = 0, deviation = 1 } = options as RegressionOptions;
      const rows = mostRows(sizes, { per });
      const losses = heap.tensor('losses', [rows]);
      const predicted = heap.indices('predicted', rows);
      return {
        ...{ losses, predicted, crossEntropies: losses, outputs },
        compares: 'numbers',
        bind({ backend, heap: bound, slotPlan, clock, view }, { value }) {
          const operands = {
            ...{ outputs: value, mean, deviation, absolute },
            ...{ losses: bound.tensor(losses), predicted: bound.indices(predicted) },
          };
          const targets = bound.indices(slotPlan.targets);
          const compare = backend.bind(regression, { ...operands, targets });
          const predict = backend.bind(regression, operands);
          return (mode, row0, row1) => {
            if (mode === 'predict') predict(0, row0, row1);
            else compare(mode === 'train' ? 1 / view.divisor : 0, row0, row1);
            clock.lap('loss');
          };
        },
      };
    },
  };
}

export const squared = lossOf('squared', false);
export const absolute = lossOf('absolute', true);
