import { updateKernel } from './update.js';

/** Adagrad (Duchi et al. 2011) in PyTorch's order of operations. */
export const adagrad = updateKernel({
  name: 'adagrad',
  states: ['sum'],
  settings: ['learningRate', 'epsilon'],
  update({ parameter, states: [former], gradient, weightDecay, settings: s }) {
    const g = gradient + weightDecay * parameter;
    const sum = former! + g * g;
    const change = (s.learningRate * g) / (Math.sqrt(sum) + s.epsilon);
    return { parameter: parameter - change, states: [sum] };
  },
  flops: 10,
});
