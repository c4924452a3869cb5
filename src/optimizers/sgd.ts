import { momentum as withMomentum } from '../backend/kernels/momentum.js';
import { sgd as plain } from '../backend/kernels/sgd.js';
import { defineOptimizer } from './optimizer.js';
import { momentumShare, weightPenalty } from './options.js';

/** Stochastic gradient descent; it keeps something of each weight only with momentum. */
export const sgd = defineOptimizer({
  kind: 'sgd',
  learningRate: 0.001,
  options: (z) =>
    z.strictObject({
      momentum: momentumShare(z),
      nesterov: z
        .boolean()
        .default(false)
        .describe("Whether the momentum is Nesterov's, which looks ahead."),
      weightDecay: weightPenalty(z),
    }),
  create({ momentum, nesterov, weightDecay }) {
    if (momentum === 0) {
      return { kernel: plain, weightDecay, settings: (_, rate) => ({ learningRate: rate }) };
    }
    return {
      kernel: withMomentum,
      weightDecay,
      settings: (_, rate) => ({ learningRate: rate, momentum, nesterov: Number(nesterov) }),
    };
  },
});
