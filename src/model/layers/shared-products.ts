import { spreadRows } from '../../backend/kernels/embedding.js';
import type { ForwardOperands } from '../../backend/kernels/sequence.js';
import { PANEL, type Tensor } from '../../tensor/heap.js';
import type { Binding } from '../binding.js';
import { bindProduct } from '../weights/products.js';
import type { RecurrentBuffers } from './cell.js';

/*
 * Rows that go on from others of the batch before: texts of a beam, of which several go on from one. W_hh is multiplied once with the
 * state of each of these, before rows are dealt.
 */

interface SharedProducts {
  /** One part's share: gathers the states that rows go on from, each once, and multiplies them. */
  form(part: number): void;
  /** What the first step of such rows reads. */
  products: NonNullable<ForwardOperands['shared']>;
}

/**
 * @param states of the slot: where those that are gone on from are put, and what the batch before has left
 * @param units panels of 16 hidden units
 */
export function bindSharedProducts(
  binding: Binding,
  { hiddenWeight }: Pick<RecurrentBuffers, 'hiddenWeight'>,
  { products, words }: NonNullable<RecurrentBuffers['shared']>,
  { stateIn, stateOut }: { stateIn?: Tensor; stateOut: Tensor },
  units: number,
): SharedProducts {
  const { backend, heap, slotPlan, view, clock } = binding;
  const gather = backend.bind(spreadRows, {
    ...{ from: stateOut, out: stateIn! },
    index: heap.indices(slotPlan.distinctParents),
  });
  const [, rows] = stateIn!.shape;
  const multiply = bindProduct(binding, {
    a: stateIn!.hi(units, rows!, PANEL),
    weight: { ...hiddenWeight.outer, ...(words && { words }) },
    ...{ direction: 'forward', c: heap.tensor(products), start: 'zero' },
  });
  return {
    form(part) {
      const [begin, end] = view.share(view.parents, part);
      gather(begin, end);
      clock.lap('gather');
      multiply(begin, end);
      clock.lap('recurrence');
    },
    products: { rows: heap.indices(slotPlan.parentOf), products: heap.tensor(products) },
  };
}
