import { PANEL, panelsOf, type BufferSpec, type Tensor } from '../tensor/heap.js';
import type { Binding } from './binding.js';
import type { BoundGradient, BoundLayer, BoundSignal, PlannedNetworkLayer } from './layer.js';
import type { NetworkGradients } from './signal-gradients.js';

/** Layers that are planned, each behind those that it stands on. */
export interface PlannedLayers {
  layers: readonly PlannedNetworkLayer[];
  /** By layer: the places of those that it stands on, below 0 for what none of them leaves. */
  inputs: readonly (readonly number[])[];
  gradients?: NetworkGradients;
}

/**
 * Binds all layers, each to what those below leave.
 *
 * @param below what there is at a place below 0
 * @param top where the gradient of the last layer's output lies, if not where these plans say
 */
export function bindLayers(
  binding: Binding,
  { layers, inputs, gradients }: PlannedLayers,
  below: (place: number) => BoundSignal,
  top?: BoundGradient,
): { layers: BoundLayer[]; top: BoundSignal } {
  const { heap } = binding;
  const made: BoundLayer[] = [];
  const signals: Omit<BoundSignal, 'start'>[] = [];
  layers.forEach((layer, place) => {
    const panels = panelsOf(layer.output.width);
    const view = (spec: BufferSpec | undefined): Tensor | undefined =>
      spec && binding.training ? heap.tensor(spec).hi(panels, spec.shape[1]!, PANEL) : undefined;
    const { whole, final } = gradients?.outputs[place] ?? {};
    const [gradient, finalGradient] = [view(whole), view(final)];
    const planned = { ...(gradient && { gradient }), ...(finalGradient && { finalGradient }) };
    const own = top && place === layers.length - 1 ? top : planned;
    const bound = layer.bind(
      layer.of === 'source' ? binding.source! : binding,
      inputs[place]!.map((each, number): BoundSignal => {
        const signal = signals[each];
        const start = gradients?.starts[place]![number] ?? 'zero';
        return signal ? { ...signal, start } : below(each);
      }),
      own,
    );
    made.push(bound);
    signals.push({ ...bound.output, ...own });
  });
  return { layers: made, top: { ...signals.at(-1)!, start: 'zero' } };
}
