import { updateKernel } from './update.js';

/** Stochastic gradient descent without momentum. */
export const sgd = updateKernel({
  name: 'sgd',
  states: [],
  settings: ['learningRate'],
  update({ parameter, gradient, weightDecay, settings }) {
    const g = gradient + weightDecay * parameter;
    return { parameter: parameter - settings.learningRate * g, states: [] };
  },
  flops: 5,
});
