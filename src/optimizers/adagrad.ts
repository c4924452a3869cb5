import { adagrad as kernel } from '../backend/kernels/adagrad.js';
import { defineOptimizer } from './optimizer.js';
import { epsilon, weightPenalty } from './options.js';

/** Adagrad, whose steps shorten as squares of gradients add up. */
export const adagrad = defineOptimizer({
  kind: 'adagrad',
  learningRate: 0.01,
  options: (z) => z.strictObject({ epsilon: epsilon(z, 1e-10), weightDecay: weightPenalty(z) }),
  create: ({ epsilon, weightDecay }) => ({
    kernel,
    weightDecay,
    settings: (_, rate) => ({ learningRate: rate, epsilon }),
  }),
});
