import { PANEL } from '../../tensor/heap.js';
import type { CallSite, Kernel } from './kernel.js';
import { at, columnsOf, maybe } from './operands.js';
import { isPaired } from './pairs.js';
import { referenceBackward, referenceForward } from './sequence-reference.js';
import type {
  BackwardOperands,
  Cell,
  CellKernels,
  ForwardOperands,
  SequenceArguments,
  SequenceCall,
  SequenceOperands,
  SequenceShare,
} from './sequence.js';
import { bytesOf, type Work } from './work.js';

/** Some or all time steps of one layer of a kind, forwards, for some rows and hidden units. */
export function forwardKernel(cell: Cell): Kernel<ForwardOperands, SequenceArguments> {
  return defineForward(kernelsOf(cell), (o) => referenceForward(cell, o));
}

/** The same backwards: turns what forward kept into the gradients of the sums. */
export function backwardKernel(cell: Cell): Kernel<BackwardOperands, SequenceArguments> {
  return defineBackward(kernelsOf(cell), (o) => referenceBackward(cell, o));
}

function kernelsOf({ name, panels, productPanels, states }: Cell): CellKernels {
  return { name, panels, products: productPanels.length, states, halves: 1 };
}

/** A kernel forwards, with a reference of its own. */
export function defineForward(
  cell: CellKernels,
  reference: (o: ForwardOperands) => SequenceCall,
): Kernel<ForwardOperands, SequenceArguments> {
  const { products } = cell;
  return {
    name: `${cell.name}_forward`,
    arguments: (o) => {
      const { work, stateOut, stateIn, projected, shared } = o;
      if (shared && cell.halves > 1) {
        throw new Error(`${cell.name} has no product that rows could share`);
      }
      return [
        ...sequenceArguments(o),
        ...[maybe(projected?.product), projected?.product.stride[0] ?? 0, maybe(projected?.rows)],
        ...[maybe(stateIn), at(stateOut), stateOut.stride[0]!],
        ...[at(work.hidden), at(work.cell), at(work.gates), work.gates.stride[0]!],
        ...[maybe(shared?.rows), maybe(shared?.products), shared?.products.stride[0] ?? 0],
      ];
    },
    call: shareNumbers,
    reference,
    work: (o) => ({
      kernel: `${cell.name} forward`,
      about: o.weights,
      changes: o.projected ? [] : [o.gates],
      of(share, step0, step1) {
        const { tokens, rows } = countTokens(cell, o, share, step0, step1);
        const multiplied = o.shared && step0 <= 0 ? tokens - rows : tokens;
        const hidden = columnsOf(o.hidden);
        const distinct = o.projected ? Math.min(tokens, o.projected.product.shape[1]!) : tokens;
        const units = (share.unit1 - share.unit0) * PANEL;
        // Sums of input products; what is kept, and the states.
        const elements = cell.panels * distinct + (cell.panels + cell.states) * tokens;
        return {
          size: `${tokens} × ${hidden} × ${products * units}`,
          ...precisionOf(o),
          flops: 2 * products * multiplied * hidden * units,
          bytes: weightBytes(o, units * products * hidden) + bytesOf(o.gates, units * elements),
        };
      },
    }),
  };
}

/** The same backwards. */
export function defineBackward(
  cell: CellKernels,
  reference: (o: BackwardOperands) => SequenceCall,
): Kernel<BackwardOperands, SequenceArguments> {
  const { products } = cell;
  return {
    name: `${cell.name}_backward`,
    arguments: (o) => {
      const { work, dHidden, dLast, dInitial } = o;
      return [
        ...sequenceArguments(o),
        ...[maybe(dHidden), dHidden?.stride[0] ?? 0, maybe(dLast), dLast?.stride[0] ?? 0],
        ...[at(work.gates), at(work.hidden), at(work.cell), work.gates.stride[0]!],
        ...[maybe(dInitial), dInitial?.stride[0] ?? 0],
      ];
    },
    call: shareNumbers,
    reference,
    work: (o) => ({
      kernel: `${cell.name} backward`,
      about: o.weights,
      changes: [o.gates],
      of(share, step0, step1) {
        const { tokens, rows, rowsAfter } = countTokens(cell, o, share, step0, step1);
        const hidden = columnsOf(o.hidden);
        // Nothing comes back to the rows' last steps; to what is before the first ones, where that is asked for.
        const last = (step0 < 0 ? 0 : rows) - rowsAfter;
        const units = (share.unit1 - share.unit0) * PANEL;
        // What was kept is read and gradients are written; states; gradients from above.
        const above = o.dHidden ? tokens : Math.max(0, last);
        const elements = (2 * cell.panels + 1) * tokens + rows + above;
        return {
          size: `${tokens} × ${products * hidden} × ${units}`,
          ...precisionOf(o),
          flops: 2 * products * (tokens - last) * hidden * units,
          bytes: weightBytes(o, units * products * hidden) + bytesOf(o.gates, units * elements),
        };
      },
    }),
  };
}

type Weighted = Pick<ForwardOperands, 'weights' | 'gates'>;

function precisionOf({ weights }: Weighted): Pick<Work, 'precision'> {
  return isPaired(weights) ? { precision: 'bfloat16' } : {};
}

/** Of so many weights. */
function weightBytes({ weights, gates }: Weighted, count: number): number {
  return isPaired(weights) ? 2 * count : bytesOf(gates, count);
}

/**
 * The numbers that both directions begin with, as kernels/sequence.h takes them.
 *
 * @throws Error where weights are pairs without words for the work, or the other way round: kernels would take the ones for the others
 */
function sequenceArguments(o: ForwardOperands | BackwardOperands): number[] {
  const { words } = o.work;
  for (const weights of [o.weights, ...(o.inner ? [o.inner.weights] : [])]) {
    if (isPaired(weights) !== (words !== undefined)) {
      throw new Error('weights in bfloat16 go with words for the work, and no others do');
    }
  }
  const tokens = o.gates.shape[1]!;
  return [
    ...[at(o.gates), o.gates.stride[0]!, at(o.hidden), maybe(o.cell), o.hidden.stride[0]!],
    ...[at(o.weights), o.weights.stride[0]!, o.hidden.shape[0]!, tokens],
    ...[at(o.rowStart), at(o.tokenPlaces), at(o.ranked), at(o.counts)],
    ...[at(o.places), o.places.stride[0]!],
    ...[maybe(o.inner?.values), o.inner?.values.stride[0] ?? 0],
    ...[maybe(o.inner?.weights), o.inner?.weights.stride[0] ?? 0],
    ...[maybe(words), words?.stride[0] ?? 0],
  ];
}

/** A call's share and steps. */
function shareNumbers({ block, first, run }: CallSite): SequenceCall {
  return (share, step0, step1) => {
    block[first] = share.countsStart;
    block[first + 1] = share.steps;
    block[first + 2] = share.row0;
    block[first + 3] = share.unit0;
    block[first + 4] = share.unit1;
    block[first + 5] = share.member;
    block[first + 6] = step0;
    block[first + 7] = step1;
    run();
  };
}

/**
 * Tokens of a worker's share of a sequence in some steps, half of them where these are halves of steps; rows in the first and in
 * the one behind the last of these.
 */
function countTokens(
  { halves }: CellKernels,
  { counts }: SequenceOperands,
  { countsStart, steps }: SequenceShare,
  step0: number,
  step1: number,
): { tokens: number; rows: number; rowsAfter: number } {
  const from = Math.max(step0, 0);
  const rowsAt = (step: number): number => counts.get(countsStart + Math.floor(step / halves));
  let tokens = 0;
  for (let step = from; step < step1; step++) tokens += rowsAt(step) / halves;
  return {
    tokens,
    rows: step1 > from ? rowsAt(from) : 0,
    rowsAfter: step1 < steps * halves ? rowsAt(step1) : 0,
  };
}
