import { rmsprop as kernel } from '../backend/kernels/rmsprop.js';
import { defineOptimizer } from './optimizer.js';
import { decay, epsilon, weightPenalty } from './options.js';

/** RMSprop, neither centered nor with momentum. */
export const rmsprop = defineOptimizer({
  kind: 'rmsprop',
  learningRate: 0.01,
  options: (z) =>
    z.strictObject({
      alpha: decay(z, 0.99, "Decay of the running mean of the gradients' squares, per step."),
      epsilon: epsilon(z, 1e-8),
      weightDecay: weightPenalty(z),
    }),
  create: ({ alpha, epsilon, weightDecay }) => ({
    kernel,
    weightDecay,
    settings: (_, rate) => ({ learningRate: rate, alpha, oneMinusAlpha: 1 - alpha, epsilon }),
  }),
});
