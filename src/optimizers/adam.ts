import type { z } from 'zod';
import { adam as kernel, type AdamSetting } from '../backend/kernels/adam.js';
import type { Zod } from '../zod.js';
import { float32 } from '../tensor/float32.js';
import { defineOptimizer, type Optimizer } from './optimizer.js';
import { decay, epsilon } from './options.js';

const options = (z: Zod) =>
  z.strictObject({
    beta1: decay(z, 0.9, "Decay of the gradients' running mean, per step."),
    beta2: decay(z, 0.999, 'Decay of the running mean of their squares, per step.'),
    epsilon: epsilon(z, 1e-8),
  });

export const adam = defineOptimizer({
  kind: 'adam',
  learningRate: 0.001,
  options,
  create: (given) => create({ ...given, weightDecay: 0 }),
});

/** Adam whose weight decay does not pass through the moments. */
export const adamw = defineOptimizer({
  kind: 'adamw',
  learningRate: 0.001,
  options: (z) =>
    z.strictObject({
      ...options(z).shape,
      weightDecay: float32(z.number().min(0).max(10))
        .default(0.01)
        .describe(
          'Share of a weight that is taken from it in each step, times the learning rate; biases have no decay.',
        ),
    }),
  create,
});

function create({
  beta1,
  beta2,
  epsilon,
  weightDecay,
}: z.output<ReturnType<typeof options>> & { weightDecay: number }): Optimizer {
  return {
    kernel,
    weightDecay,
    settings: (step, rate): Record<AdamSetting, number> => ({
      stepSize: rate / (1 - beta1 ** step),
      beta1,
      beta2,
      oneMinusBeta1: 1 - beta1,
      oneMinusBeta2: 1 - beta2,
      inverseCorrection2: 1 / Math.sqrt(1 - beta2 ** step),
      epsilon,
      learningRate: rate,
    }),
  };
}
