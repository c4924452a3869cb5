import { updateKernel } from './update.js';

/** Adam (Kingma & Ba 2015), in PyTorch's order of operations; with weight decay AdamW (Loshchilov & Hutter 2019). */
export const adam = updateKernel({
  name: 'adam',
  states: ['exp_avg', 'exp_avg_sq'],
  settings: [
    'stepSize',
    'beta1',
    'beta2',
    'oneMinusBeta1',
    'oneMinusBeta2',
    'inverseCorrection2',
    'epsilon',
    'learningRate',
  ],
  update({ parameter, states: [moment1, moment2], gradient: g, weightDecay, settings: s }) {
    const m = s.beta1 * moment1! + s.oneMinusBeta1 * g;
    const v = s.beta2 * moment2! + s.oneMinusBeta2 * g * g;
    const change = (s.stepSize * m) / (Math.sqrt(v) * s.inverseCorrection2 + s.epsilon);
    const kept = parameter * (1 - s.learningRate * weightDecay);
    return { parameter: kept - change, states: [m, v] };
  },
  flops: 15,
});
export type AdamSetting = (typeof adam.settings)[number];
