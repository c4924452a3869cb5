import { copyColumns } from '../../backend/kernels/columns.js';
import { PANEL, panelsOf, type BufferSpec, type Tensor } from '../../tensor/heap.js';
import type { Binding, RowKernel } from '../binding.js';

/** A view whose first column is one of a panel matrix. */
export function columnOf(matrix: Tensor, column: number): Tensor {
  const lane = column % PANEL;
  const panel = matrix.lo(Math.floor(column / PANEL), 0, lane);
  return panel.hi(1, matrix.shape[1]!, PANEL - lane);
}

/**
 * Each head's columns of what is pooled, from the first of a panel on: where they lie, or apart.
 *
 * @returns with what takes them from where they are apart to where they belong, or from there
 */
export function headsOf(
  { backend, heap }: Binding,
  whole: Tensor,
  apart: readonly BufferSpec[] | undefined,
  heads: number,
  columns: number,
): { own: Tensor; join: (to: 'out' | 'in') => RowKernel | undefined }[] {
  const panels = panelsOf(columns);
  return Array.from({ length: heads }, (_, head) => {
    const spec = apart?.[head];
    if (!spec) {
      const own = whole.lo(head * panels, 0, 0).hi(panels, whole.shape[1]!, PANEL);
      return { own, join: () => undefined };
    }
    const own = heap.tensor(spec);
    const [there, here] = [
      { matrix: own, column: 0 },
      { matrix: whole, column: head * columns },
    ];
    const join = (to: 'out' | 'in'): RowKernel =>
      backend.bind(copyColumns, {
        ...(to === 'out' ? { from: there, to: here } : { from: here, to: there }),
        ...{ columns, adds: false },
      });
    return { own, join };
  });
}
