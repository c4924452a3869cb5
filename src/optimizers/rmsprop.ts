import {
  rmsprop as plain,
  rmspropCentered,
  rmspropCenteredMomentum,
  rmspropMomentum,
} from '../backend/kernels/rmsprop.js';
import { defineOptimizer } from './optimizer.js';
import { decay, epsilon, momentumShare, weightPenalty } from './options.js';

/** RMSprop; it keeps beside the mean of squares only what its options need. */
export const rmsprop = defineOptimizer({
  kind: 'rmsprop',
  learningRate: 0.01,
  options: (z) =>
    z.strictObject({
      alpha: decay(z, 0.99, "Decay of the running mean of the gradients' squares, per step."),
      epsilon: epsilon(z, 1e-8),
      momentum: momentumShare(z),
      centered: z
        .boolean()
        .default(false)
        .describe('Whether gradients are divided by what they vary, and not by their size.'),
      weightDecay: weightPenalty(z),
    }),
  create({ alpha, epsilon, momentum, centered, weightDecay }) {
    const [still, moving] = centered
      ? [rmspropCentered, rmspropCenteredMomentum]
      : [plain, rmspropMomentum];
    return {
      kernel: momentum === 0 ? still : moving,
      weightDecay,
      settings: (_, rate) => ({
        ...{ learningRate: rate, alpha, oneMinusAlpha: 1 - alpha, epsilon, momentum },
      }),
    };
  },
});
