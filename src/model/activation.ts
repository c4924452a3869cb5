import { activate, multiplySlope, type ActivationKind } from '../backend/kernels/activation.js';
import type { Tensor } from '../tensor/heap.js';
import type { Zod } from '../zod.js';
import type { Binding, RowKernel } from './binding.js';

/** What may follow a layer's product: by its results alone it can be walked back. */
export const activationOption = (z: Zod) =>
  z
    .enum(['none', 'relu', 'tanh'])
    .default('none')
    .describe('What is made of every element of the output.');

export type Activation = 'none' | ActivationKind;

/** A function in place, and in place of the gradient of its results that of its arguments. */
export interface BoundActivation {
  forward?: RowKernel;
  backward?: RowKernel;
}

export function bindActivation(
  { backend }: Binding,
  kind: Activation,
  values: Tensor,
  gradient?: Tensor,
): BoundActivation {
  if (kind === 'none') return {};
  return {
    forward: backend.bind(activate, { kind, values }),
    ...(gradient && { backward: backend.bind(multiplySlope, { kind, gradient, values }) }),
  };
}
