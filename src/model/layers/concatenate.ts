import { copyColumns } from '../../backend/kernels/columns.js';
import { PANEL, panelsOf } from '../../tensor/heap.js';
import { bindHandOver, type Binding, type RowKernel } from '../binding.js';
import { defineJoin, type BoundLayer, type BoundSignal } from '../layer.js';
import { mostRows } from '../sizes.js';
import type { Zod } from '../../zod.js';

const options = (z: Zod) => z.strictObject({});

/** Signals side by side, in the order of the inputs. */
export const concatenate = defineJoin({
  kind: 'concatenate',
  options,
  accepts: ['row', 'token'],
  describe(_options, inputs, { module, index }) {
    const { per } = inputs[0]!;
    const widths = inputs.map((input) => input.width);
    const width = widths.reduce((sum, each) => sum + each, 0);
    return {
      output: { per, width },
      reads: 'whole',
      parameters: [],
      carried: [],
      // The columns of an input lie elsewhere in the output.
      gradientInPlace: false,
      meetings: () => 0,
      multiplyAdds: () => 0,
      plan(heap, sizes) {
        const values = heap.panels(`${module} ${index} joined`, mostRows(sizes, { per }), width);
        return {
          values,
          bind(binding, bound, { gradient }): BoundLayer {
            const { backend, clock, heap: own, training } = binding;
            const joined = own.tensor(values);
            let column = 0;
            const parts = bound.map((input, number) => {
              const [first, columns] = [column, widths[number]!];
              column += columns;
              const place = { matrix: joined, column: first };
              const from = { matrix: input.value, column: 0 };
              return {
                forward: backend.bind(copyColumns, { from, to: place, columns, adds: false }),
                backward: training
                  ? bindParting(binding, { matrix: gradient!, column: first }, input, columns)
                  : [],
              };
            });
            return {
              output: { value: joined },
              passes: {
                by: 'rows',
                forward(row0, row1) {
                  for (const { forward } of parts) forward(row0, row1);
                  clock.lap('joins');
                },
                backward(row0, row1) {
                  for (const { backward } of parts) for (const each of backward) each(row0, row1);
                  clock.lap('joins');
                },
              },
              packs: [],
            };
          },
        };
      },
    };
  },
});

/** Takes an input's columns of the gradient to its own. */
export function bindParting(
  binding: Binding,
  from: { matrix: BoundSignal['value']; column: number },
  { value, gradient, start }: BoundSignal,
  columns: number,
): RowKernel[] {
  const handOver = bindHandOver(binding, from, { matrix: gradient!, column: 0, start }, columns);
  const padding = panelsOf(columns) * PANEL - columns;
  const parting = handOver ? [handOver] : [];
  if (start === 'result' || padding === 0) return parting;
  // Columns beyond the width are to be zeros, as those of the values are.
  const zeros = binding.backend.bind(copyColumns, {
    from: { matrix: value, column: columns },
    to: { matrix: gradient!, column: columns },
    ...{ columns: padding, adds: false },
  });
  return [...parting, zeros];
}
