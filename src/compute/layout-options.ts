import type { LayoutOptions } from '../model/batch/batch-layouter.js';
import type { NetworkPlan } from '../model/plan.js';
import type { Signal } from '../model/signal.js';
import { maxPlaces, sourceSizes } from '../model/sizes.js';

/** What the layout of a network's batches depends on. */
export function layoutOptions(plan: NetworkPlan): LayoutOptions {
  const { sizes, reverses, top, loss, targetWords } = plan;
  const { shards, teams, parts, maxSteps, source, shape } = sizes;
  return {
    ...{ shards, teams, parts, maxSteps, targetWords },
    initialRow: maxPlaces(sizes),
    keepRows: shape.carries,
    reverses: reverses.own,
    target: top.per === 'row' ? 'row' : 'token',
    vocabulary: shape.vocabulary,
    features: shape.features ?? [],
    ...(source && {
      source: {
        ...{ ...source, ...shape.source!, cost: sourceCost(plan) },
        initialRow: maxPlaces(sourceSizes(sizes)),
        reverses: reverses.source,
      },
    }),
    outputs: top.width,
    compares: loss.compares,
  };
}

/** The work that a token of the source is in a step, beside one of the batch's own. */
function sourceCost({ layers }: NetworkPlan): number {
  const costOf = (of: Signal['of']): number =>
    layers.reduce((sum, layer) => sum + (layer.of === of ? layer.multiplyAdds(1, 0) : 0), 0);
  return costOf('source') / costOf(undefined);
}
