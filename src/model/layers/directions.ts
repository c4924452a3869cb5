import { copyColumns } from '../../backend/kernels/columns.js';
import type { BufferSpec, Tensor } from '../../tensor/heap.js';
import type { Binding, RowKernel } from '../binding.js';
import type { BoundLayer, NetworkLayer, SequencePasses } from '../layer.js';
import { maxPlaces } from '../sizes.js';
import type { Share } from '../work/teams.js';

/** How the outputs of two directions are put together: side by side, or added. */
export type Merge = 'concatenate' | 'sum';

/**
 * Two recurrent layers over the same input, one from each end (Schuster & Paliwal 1997), as one: what stands at a token then
 * knows what comes before and behind it. The final states are those of each direction's own last token.
 */
export function joinDirections(
  forwards: NetworkLayer,
  backwards: NetworkLayer,
  { merge, name }: { merge: Merge; name: string },
): NetworkLayer {
  const { width } = forwards.output;
  const joined = merge === 'sum' ? width : 2 * width;
  const both = [forwards, backwards];
  return {
    output: { per: 'token', width: joined, final: true },
    reads: 'whole',
    parameters: both.flatMap(({ parameters }) => parameters),
    // A row that is read from its end cannot go on in the next batch.
    carried: [],
    reverses: true,
    recurrences: both.flatMap(({ recurrences = [] }) => recurrences),
    // The second direction reads the gradient when the first one has written that of its input.
    gradientInPlace: false,
    meetings: (steps) => forwards.meetings(steps) + backwards.meetings(steps),
    multiplyAdds: (tokens, rows) =>
      both.reduce((sum, layer) => sum + layer.multiplyAdds(tokens, rows), 0),
    plan(heap, sizes, shared) {
      const planned = both.map((layer) => layer.plan(heap, sizes, shared));
      const places = maxPlaces(sizes);
      const panels = (what: string, rows: number, columns: number): BufferSpec =>
        heap.panels(`${name} ${what}`, rows, columns);
      const values = panels('both directions', places, joined);
      const final = panels('both finals', sizes.maxRows, joined);
      const parted = sizes.training && merge === 'concatenate';
      const gradients = both.map((_, i) =>
        parted
          ? {
              whole: panels(`d direction ${i}`, places, width),
              final: panels(`d final ${i}`, sizes.maxRows, width),
            }
          : undefined,
      );
      return {
        values,
        bind(binding, [below], { gradient, finalGradient }): BoundLayer {
          const input = below!;
          const { heap: bound } = binding;
          const part = (from: Tensor | undefined, i: number, into: 'whole' | 'final') => {
            const spec = gradients[i]?.[into];
            if (!from || !spec || !binding.training) return { to: from, run: undefined };
            const to = bound.tensor(spec);
            return { to, run: copy(binding, from, i * width, to, 0, width, false) };
          };
          const whole = [0, 1].map((i) => part(gradient, i, 'whole'));
          const finals = [0, 1].map((i) => part(finalGradient, i, 'final'));
          const layers = planned.map((layer, i) => {
            const [dWhole, dFinal] = [whole[i]!.to, finals[i]!.to];
            return layer.bind(binding, [i === 0 ? input : { ...input, start: 'result' }], {
              ...(dWhole && { gradient: dWhole }),
              ...(dFinal && { finalGradient: dFinal }),
            });
          });
          const output = { value: bound.tensor(values), final: bound.tensor(final) };
          const column = merge === 'sum' ? 0 : width;
          const joins = layers.map(({ output: own }, i) => {
            const adds = merge === 'sum' && i === 1;
            return {
              whole: copy(binding, own.value, 0, output.value, i * column, width, adds),
              final: copy(binding, own.final!, 0, output.final, i * column, width, adds),
            };
          });
          return {
            output,
            prepare: (own) => layers.forEach((layer) => layer.prepare?.(own)),
            passes: {
              by: 'sequence',
              *forward(own): Share {
                for (const layer of layers) yield* (layer.passes as SequencePasses).forward(own);
                for (const join of joins) {
                  join.whole(...binding.view.places(own));
                  join.final(...binding.view.rowsOf(own));
                }
                binding.clock.lap('recurrence');
              },
              *backward(own): Share {
                for (const each of whole) each.run?.(...binding.view.places(own));
                for (const each of finals) each.run?.(...binding.view.rowsOf(own));
                binding.clock.lap('recurrence');
                for (const layer of layers) {
                  yield* (layer.passes as SequencePasses).backward!(own);
                }
              },
            },
            ...(binding.training && {
              weightGradients: layers.flatMap(({ weightGradients = [] }) => weightGradients),
            }),
            ...(layers.some(({ distinctGradient }) => distinctGradient) && {
              distinctGradient: (row0: number, row1: number) =>
                layers.forEach((layer) => layer.distinctGradient?.(row0, row1)),
            }),
            packs: layers.flatMap(({ packs }) => packs),
          };
        },
      };
    },
  };
}

function copy(
  { backend }: Binding,
  from: Tensor,
  fromColumn: number,
  to: Tensor,
  toColumn: number,
  columns: number,
  adds: boolean,
): RowKernel {
  return backend.bind(copyColumns, {
    from: { matrix: from, column: fromColumn },
    to: { matrix: to, column: toColumn },
    ...{ columns, adds },
  });
}
