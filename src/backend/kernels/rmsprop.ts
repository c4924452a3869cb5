import { updateKernel } from './update.js';

/** RMSprop in PyTorch's order of operations, epsilon outside of the root, neither centered nor with momentum. */
export const rmsprop = updateKernel({
  name: 'rmsprop',
  states: ['square_avg'],
  settings: ['learningRate', 'alpha', 'oneMinusAlpha', 'epsilon'],
  update({ parameter, states: [former], gradient, weightDecay, settings: s }) {
    const g = gradient + weightDecay * parameter;
    const average = s.alpha * former! + s.oneMinusAlpha * g * g;
    const change = (s.learningRate * g) / (Math.sqrt(average) + s.epsilon);
    return { parameter: parameter - change, states: [average] };
  },
  flops: 12,
});
