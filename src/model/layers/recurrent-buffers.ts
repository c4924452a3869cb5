import { PANEL, panelsOf, type BufferSpec, type HeapPlan } from '../../tensor/heap.js';
import { planProduct } from '../weights/products.js';
import type { SharedBuffers } from '../shared-buffers.js';
import type { Signal } from '../signal.js';
import { maxPlaces, mostRows, SLOTS, type NetworkSizes } from '../sizes.js';
import { planGradientInput } from '../weights/weight-gradients.js';
import { largestTeam } from '../work/teams.js';
import type { CellKind, RecurrentBuffers } from './cell.js';
import { planHiddenWeight } from './hidden-weight.js';

/**
 * The buffers of one direction of a recurrent layer.
 *
 * @param shared work buffers, which layers that run one after the other have in common
 * @param name of the buffers
 * @param layer.begins what rows begin with
 */
export function planRecurrence(
  heap: HeapPlan,
  sizes: NetworkSizes,
  shared: SharedBuffers,
  name: string,
  {
    cell,
    hidden,
    begins,
    input,
  }: { cell: CellKind; hidden: number; begins: 'zeros' | 'learned' | 'given'; input: Signal },
): RecurrentBuffers {
  const { carries, innerBlocks = 0 } = cell;
  const panels = cell.inputRows.of;
  const { maxRows, training, precision, source, shape } = sizes;
  const isPaired = precision === 'bfloat16';
  const units = panelsOf(hidden) * PANEL;
  const places = maxPlaces(sizes);
  const members = largestTeam(sizes);
  // Behind the tokens' places: one a row for the state at the start of the batch.
  const state = (what: string): BufferSpec =>
    heap.panels(`${name} ${what}`, places + maxRows, hidden);
  const gradientInput = (what: string): BufferSpec | undefined =>
    planGradientInput(heap, sizes, `${name} ${what}`, { rows: places, columns: hidden });
  const ofHidden = gradientInput('hidden weight');
  const sharesProducts = shape.carries && source && !training && innerBlocks === 0;
  return {
    inputWeight: planProduct(heap, sizes, `${name} input weight`, {
      ...{ outputs: panels * units, inputs: input.width, rows: mostRows(sizes, input) },
    }),
    hiddenWeight: planHiddenWeight(heap, `${name} hidden weight`, cell, hidden, precision),
    bias: heap.tensor(`packed ${name} bias`, [panels * units]),
    ...(input.per === 'distinct' && {
      projected: heap.panels(`${name} projected`, mostRows(sizes, input), panels * units),
    }),
    gates: heap.panels(`${name} gates`, places, panels * units),
    hidden: state('hidden'),
    ...(carries.length > 1 && { cell: state('cell') }),
    ...(innerBlocks > 0 && { inner: heap.panels(`${name} inner`, places, hidden) }),
    ...(ofHidden && {
      gradientInputs: {
        hidden: ofHidden,
        ...(innerBlocks > 0 && { inner: gradientInput('inner hidden weight') }),
      },
    }),
    ...(sharesProducts && {
      shared: {
        products: heap.panels(`${name} products`, maxRows, cell.hiddenRows.blocks * units),
        ...(isPaired && { words: heap.pairs(`${name} words`, maxRows, hidden) }),
      },
    }),
    states: Array.from({ length: SLOTS }, (_, slot) =>
      heap.panels(
        `${name} state ${slot}`,
        maxRows,
        carries.length * units + (begins === 'zeros' ? 0 : 1),
      ),
    ),
    ...(begins !== 'zeros' && {
      initial: {
        ...(begins === 'learned' && {
          packed: heap.tensor(`packed ${name} initial`, [carries.length * units]),
        }),
        rows: heap.panels(`${name} initial`, maxRows, carries.length * units),
        ...(training && {
          gradient: heap.panels(`${name} d initial`, maxRows, carries.length * units),
        }),
      },
    }),
    work: {
      hidden: shared.panels('work hidden', maxRows, Math.max(2 * units, 2 * members * PANEL)),
      cell: shared.panels('work cell', maxRows, units),
      gates: shared.panels(
        'work gates',
        maxRows,
        Math.max(
          training ? 2 * panels * units : 0,
          Math.max(2, isPaired ? 2 * panels : panels) * members * PANEL,
        ),
      ),
      places: shared.indices('work places', 2 * members, maxRows),
      ...(isPaired && {
        words: shared.indices('work words', panelsOfWords(cell, hidden, training), maxRows, PANEL),
      }),
    },
  };
}

/** Panels of words for what stands to the left of W_hh in a step, as `SequenceWork` tells. */
function panelsOfWords(
  { hiddenRows: { blocks }, innerBlocks = 0 }: CellKind,
  hidden: number,
  training: boolean,
): number {
  const pairs = (panels: number): number => Math.ceil(panels / 2);
  const units = panelsOf(hidden);
  const inner = innerBlocks > 0 ? pairs(units) : 0;
  const forward = 2 * pairs(units) + inner;
  if (!training) return forward;
  return Math.max(forward, 2 * pairs((blocks - innerBlocks) * units) + inner);
}
