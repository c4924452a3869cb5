import { pool, unpool, type PoolKind, type RowPlaces } from '../../backend/kernels/pool.js';
import { PANEL, panelsOf } from '../../tensor/heap.js';
import { meet, type Binding } from '../binding.js';
import { defineLayer, type BoundLayer, type Layer, type LayerKind } from '../layer.js';
import type { LayerName } from '../graph/shape.js';
import type { Signal } from '../signal.js';
import type { Share } from '../work/teams.js';
import type { Zod } from '../../zod.js';

/*
 * Layers that make one row of all tokens of a row. They read, and leave gradients at, places that other members of a team
 * computed: a team meets before they begin, and again when gradients are written.
 */

const options = (z: Zod) => z.strictObject({});

/** Of every column the largest value; gradients go to the first of equal ones, as PyTorch has it on a processor. */
export const max = poolingLayer('max');
/** The mean of all tokens. */
export const mean = poolingLayer('mean');
/** What stands at the first token: of a layer that reads from the end, its final state. */
export const first = poolingLayer('first');

function poolingLayer(kind: PoolKind): LayerKind {
  return defineLayer({
    kind,
    options,
    accepts: ['token'],
    place: 'pooling',
    describe: (_options, input, name) => describePooling(kind, input, name),
  });
}

/** Where each row's tokens lie. */
export function rowPlaces({ heap, slotPlan }: Binding): RowPlaces {
  return {
    rowStart: heap.indices(slotPlan.rowStart),
    tokenPlaces: heap.indices(slotPlan.tokenPlaces),
  };
}

export function describePooling(
  kind: PoolKind,
  { width }: Signal,
  { module, index }: LayerName,
): Layer {
  return {
    output: { per: 'row', width },
    reads: 'whole',
    parameters: [],
    carried: [],
    gradientInPlace: true,
    meetings: () => 2,
    multiplyAdds: () => 0,
    plan(heap, sizes) {
      const values = heap.panels(`${module} ${index} pooled`, sizes.maxRows, width);
      const places =
        kind === 'max' && sizes.training
          ? heap.indices(`${module} ${index} chosen`, panelsOf(width), sizes.maxRows, PANEL)
          : undefined;
      return {
        values,
        bind(binding, { value, gradient, start }, { gradient: dOut }): BoundLayer {
          const { backend, view, clock } = binding;
          const rows = rowPlaces(binding);
          const out = binding.heap.tensor(values);
          const chosen = places && binding.training ? binding.heap.indices(places) : undefined;
          const own = { kind, ...rows, ...(chosen && { chosen }) };
          const forward = backend.bind(pool, { ...own, input: value, out });
          const backward =
            gradient &&
            backend.bind(unpool, {
              ...own,
              ...{ dOut: dOut!, dInput: gradient, adds: start === 'result' },
            });
          return {
            output: { value: out },
            passes: {
              by: 'sequence',
              *forward(part): Share {
                yield* meet(binding, part);
                forward(...view.rowsOf(part));
                clock.lap('pooling');
              },
              *backward(part): Share {
                yield* meet(binding, part);
                backward?.(...view.rowsOf(part));
                clock.lap('pooling');
                yield* meet(binding, part);
              },
            },
            packs: [],
          };
        },
      };
    },
  };
}
