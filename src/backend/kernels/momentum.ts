import { updateKernel } from './update.js';

/** Gradient descent with momentum, without dampening; with `nesterov` of 1 as Nesterov has it, else 0. */
export const momentum = updateKernel({
  name: 'momentum',
  states: ['momentum_buffer'],
  settings: ['learningRate', 'momentum', 'nesterov'],
  update({ parameter, states: [former], gradient, weightDecay, settings: s }) {
    const g = gradient + weightDecay * parameter;
    const buffer = s.momentum * former! + g;
    const direction = s.nesterov === 0 ? buffer : g + s.momentum * buffer;
    return { parameter: parameter - s.learningRate * direction, states: [buffer] };
  },
  flops: 10,
});
