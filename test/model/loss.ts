import { createBackend } from '../../src/backend/select.js';
import type { Engine } from '../../src/compute/engine.js';
import { HEADER } from '../../src/model/batch/batch-layout.js';
import { Network } from '../../src/model/network.js';

/**
 * The mean loss of the batch in a slot as a function of the parameters, for float64 differences: each call packs them anew. No more
 * of a step than makes its loss is computed, forwards alone where there are no masks, which belong to training.
 *
 * @param engine of the reference backend, whose parts have trained on the batch and are teams of their own
 */
export function bindLoss(engine: Engine, slot: number): () => number {
  const { heap, plan, handle } = engine;
  const space = heap.doubles(plan.argumentSpaces[0]!);
  const backend = createBackend('reference', handle.block, 0, space);
  const network = new Network(backend, heap, plan, 0, slot);
  const claims = heap.flatIndices(plan.claims);
  const hasMasks = plan.sizes.shape.layers.some(
    ({ kind, options }) =>
      kind === 'dropout' || /dropout":0\.?[1-9]/i.test(JSON.stringify(options)),
  );
  const phases = ['pack', 'prepare', 'spell', hasMasks ? 'train' : 'evaluate'] as const;
  const losses = heap.flat(plan.loss.losses);
  const { order, header } = engine.layout(slot);
  const [divisor = NaN] = heap.flatDoubles(plan.divisors[slot]!);
  const count = header[HEADER.targets]!;
  const places =
    plan.top.per === 'row' ? Array.from({ length: count }, (_, row) => row) : order.slice(0, count);
  return () => {
    claims.fill(0);
    for (const phase of phases) {
      for (let part = 0; part < plan.sizes.parts; part++) network.run(phase, part).next();
    }
    let sum = 0;
    for (const place of places) sum += losses[place]!;
    return sum / divisor;
  };
}
