import { updateKernel, type UpdateKernel } from './update.js';

export type RmspropSetting = 'learningRate' | 'alpha' | 'oneMinusAlpha' | 'epsilon' | 'momentum';

/**
 * RMSprop in PyTorch's order of operations, epsilon outside of the root. What is kept is what is needed: the mean of squares, a buffer
 * with momentum, and the mean of gradients where their variance takes the place of that of squares.
 */
function variant(
  name: string,
  { centered, momentum }: { centered: boolean; momentum: boolean },
): UpdateKernel<RmspropSetting> {
  return updateKernel({
    name,
    states: [
      'square_avg',
      ...(momentum ? ['momentum_buffer'] : []),
      ...(centered ? ['grad_avg'] : []),
    ],
    settings: ['learningRate', 'alpha', 'oneMinusAlpha', 'epsilon', 'momentum'],
    update({ parameter, states, gradient, weightDecay, settings: s }) {
      const g = gradient + weightDecay * parameter;
      const squares = s.alpha * states[0]! + s.oneMinusAlpha * g * g;
      const former = states.at(-1)!;
      const mean = centered ? former + s.oneMinusAlpha * (g - former) : 0;
      // Of a gradient that hardly changes, rounding may leave less than nothing.
      const variance = Math.max(0, squares - mean * mean);
      const direction = g / (Math.sqrt(variance) + s.epsilon);
      const step = momentum ? s.momentum * states[1]! + direction : direction;
      return {
        parameter: parameter - s.learningRate * step,
        states: [squares, ...(momentum ? [step] : []), ...(centered ? [mean] : [])],
      };
    },
    flops: 12 + (centered ? 6 : 0) + (momentum ? 2 : 0),
  });
}

export const rmsprop = variant('rmsprop', { centered: false, momentum: false });
export const rmspropMomentum = variant('rmsprop_momentum', { centered: false, momentum: true });
export const rmspropCentered = variant('rmsprop_centered', { centered: true, momentum: false });
export const rmspropCenteredMomentum = variant('rmsprop_centered_momentum', {
  centered: true,
  momentum: true,
});
