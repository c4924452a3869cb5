import type { RowMap } from '../../backend/kernels/rows.js';
import { withoutGaps } from '../../backend/kernels/rows.js';
import { PANEL, panelsOf, type HeapPlan, type Tensor } from '../../tensor/heap.js';
import type { Binding, RowKernel } from '../binding.js';
import { bindPack, planPacked } from '../weights/packed-weight.js';
import type { Precision } from '../../backend/backend.js';
import type { CellKind, PackedHiddenWeight } from './cell.js';

/*
 * W_hh of a recurrent layer. Most cells multiply all of it with h_{t−1}. Of some the last blocks have a product of their own, with
 * what the cell makes of h_{t−1} first: these are packed apart.
 */

type Blocks = Pick<CellKind, 'hiddenRows' | 'innerBlocks'>;

export function planHiddenWeight(
  heap: HeapPlan,
  name: string,
  { hiddenRows: { blocks }, innerBlocks = 0 }: Blocks,
  hidden: number,
  precision: Precision | undefined,
): PackedHiddenWeight {
  const outputs = panelsOf(hidden) * PANEL;
  return {
    outer: planPacked(heap, name, (blocks - innerBlocks) * outputs, hidden, precision),
    ...(innerBlocks > 0 && {
      inner: planPacked(heap, `${name} inner`, innerBlocks * outputs, hidden, precision),
    }),
  };
}

/** Binds the packing of a weight's units. */
export function bindHiddenPack(
  binding: Binding,
  weight: Tensor,
  cell: Blocks,
  { outer, inner }: PackedHiddenWeight,
): RowKernel {
  const { hiddenRows, innerBlocks = 0 } = cell;
  if (!inner) return bindPack(binding, weight, withoutGaps(hiddenRows), outer);
  const { blocks } = hiddenRows;
  const outerBlocks = blocks - innerBlocks;
  const own = (of: number, first: number): RowMap => ({
    ...{ blocks, of },
    // Where a block is packed apart its number here means nothing.
    panels: Array.from({ length: blocks }, (_, block) => Math.max(0, block - first)),
  });
  return inBlocks(
    cell,
    bindPack(binding, weight, own(outerBlocks, 0), outer),
    bindPack(binding, weight, own(innerBlocks, outerBlocks), inner),
  );
}

/** One kernel for units of all blocks but the inner ones, another for those. */
export function inBlocks(
  { hiddenRows: { blocks }, innerBlocks = 0 }: Blocks,
  outer: RowKernel,
  inner: RowKernel,
): RowKernel {
  return (from, to) => {
    for (let unit = from; unit < to;) {
      const group = unit - (unit % blocks);
      const split = group + blocks - innerBlocks;
      const end = Math.min(to, unit < split ? split : group + blocks);
      (unit < split ? outer : inner)(unit, end);
      unit = end;
    }
  };
}
