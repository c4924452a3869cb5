import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { element, setElement } from './operands.js';
import { isPaired, multiplied, roundToBfloat16, sumOfPairs } from './pairs.js';
import type {
  BackwardOperands,
  Cell,
  ForwardOperands,
  SequenceCall,
  SequenceOperands,
  SequenceShare,
} from './sequence.js';

/** A recurrent layer's steps in plain TypeScript, around one unit of a cell. */
export function referenceForward(cell: Cell, o: ForwardOperands): SequenceCall {
  const panels = o.hidden.shape[0]!;
  const states = [o.hidden, o.cell].slice(0, cell.states);
  const { shared } = o;
  const sumOf = (
    { row, token, previous }: RunningRow,
    t: number,
    u: number,
    panel: number,
  ): number => {
    const sum = fromBelow(o, token, columnOf(u, panel, cell.panels));
    const product = cell.productPanels.indexOf(panel);
    if (product < 0) return sum;
    const column = columnOf(u, product, cell.productPanels.length);
    if (shared && t === 0) return sum + element(shared.products, shared.rows.get(row), column);
    return multiplied(sum, o.hidden, previous, o.weights, column);
  };
  return (share, step0, step1) => {
    const { unit0, unit1 } = share;
    if (step0 < 0) beginStates(o, cell.states, share);
    for (let t = Math.max(step0, 0); t < step1; t++) {
      for (const running of runningRows(o, share, t)) {
        const { row, token, previous } = running;
        for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
          const sums = Array.from({ length: cell.panels }, (_, panel) =>
            sumOf(running, t, u, panel),
          );
          const result = cell.forward({ sums, ...before(o, previous, u) });
          result.kept.forEach((value, panel) => {
            setElement(o.gates, token, columnOf(u, panel, cell.panels), value);
          });
          [result.hidden, result.cell].slice(0, cell.states).forEach((value, i) => {
            setElement(states[i]!, token, u, value);
            // The last step of the row overwrites what earlier ones put here.
            o.stateOut.set(i * panels + Math.floor(u / PANEL), row, u % PANEL, value);
          });
        }
      }
    }
  };
}

/** The same backwards; sums' gradients take the place of what forward kept. */
export function referenceBackward(cell: Cell, o: BackwardOperands): SequenceCall {
  const units = { panels: cell.panels, products: cell.productPanels };
  return (share, step0, step1) => {
    const { unit0, unit1 } = share;
    for (let t = step1 - 1; t >= Math.max(step0, 0); t--) {
      for (const running of runningRows(o, share, t)) {
        const { rank, token, previous, next } = running;
        for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
          let dHidden = fromAbove(o, running, u);
          if (next !== undefined) dHidden += throughSums(o.gates, o.weights, units, next, u);
          const kept = Array.from({ length: cell.panels }, (_, panel) =>
            element(o.gates, token, columnOf(u, panel, cell.panels)),
          );
          const { gradients, carried } = cell.backward({
            kept,
            dHidden,
            carried: next === undefined ? 0 : element(o.work.cell, rank, u),
            hidden: element(o.hidden, token, u),
            cell: o.cell ? element(o.cell, token, u) : 0,
            ...before(o, previous, u),
          });
          gradients.forEach((value, panel) => {
            setElement(o.gates, token, columnOf(u, panel, cell.panels), value);
          });
          setElement(o.work.cell, rank, u, carried);
        }
      }
    }
    if (step0 < 0) leaveGradients(o, units, cell.states, share);
  };
}

/** Leaves the gradients of the states before the first step, when those of the sums of that step are there. */
export function leaveGradients(
  o: BackwardOperands,
  of: { panels: number; products: readonly number[] },
  states: 1 | 2,
  { countsStart, steps, row0, unit0, unit1 }: SequenceShare,
): void {
  const rows = steps > 0 ? o.counts.get(countsStart) : 0;
  for (let r = 0; r < rows; r++) {
    const row = o.ranked.get(row0 + r);
    for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
      const dHidden = throughSums(o.gates, o.weights, of, placeAt(o, row, 0), u);
      const carried = element(o.work.cell, row0 + r, u);
      setElement(o.dInitial!, row, u, states > 1 ? dHidden : dHidden + carried);
      if (states > 1) setElement(o.dInitial!, row, o.hidden.shape[0]! * PANEL + u, carried);
    }
  }
}

/** Puts the state before the first step of a share's rows behind the tokens. */
export function beginStates(
  o: ForwardOperands,
  count: number,
  { countsStart, steps, row0, unit0, unit1 }: SequenceShare,
): void {
  const panels = o.hidden.shape[0]!;
  const rows = steps > 0 ? o.counts.get(countsStart) : 0;
  for (let r = 0; r < rows; r++) {
    const row = o.ranked.get(row0 + r);
    const from = o.shared ? o.shared.rows.get(row) : row;
    for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
      [o.hidden, o.cell].slice(0, count).forEach((state, i) => {
        const panel = i * panels + Math.floor(u / PANEL);
        setElement(state!, initialPlace(o, row), u, o.stateIn?.get(panel, from, u % PANEL) ?? 0);
      });
    }
  }
}

/**
 * What comes back to what has been multiplied through sums at a place.
 *
 * @param of.panels that each 16 units have in `gates`
 * @param of.products which of these were added to a product, in the order of the packed weights
 */
export function throughSums(
  gates: Tensor,
  weights: Tensor | IndexTensor,
  of: { panels: number; products: readonly number[] },
  place: number,
  u: number,
): number {
  const units = gates.shape[0]! / of.panels;
  if (isPaired(weights)) {
    const { length } = of.products;
    const left = (k: number): number => {
      const panel = Math.floor(k / PANEL);
      const unit = Math.floor(panel / length);
      if (unit >= units) return 0;
      const column = (unit * of.panels + of.products[panel % length]!) * PANEL + (k % PANEL);
      return roundToBfloat16(element(gates, place, column));
    };
    return sumOfPairs(left, weights, u);
  }
  let sum = 0;
  for (let v = 0; v < units; v++) {
    for (const [product, panel] of of.products.entries()) {
      const first = (v * of.products.length + product) * PANEL;
      // Places in the data, as in `dot`, for the same reason.
      const gradients = gates.index(v * of.panels + panel, place, 0);
      const weight = weights.index(Math.floor(u / PANEL), first, u % PANEL);
      for (let lane = 0; lane < PANEL; lane++) {
        sum += gates.data[gradients + lane]! * weights.data[weight + lane * weights.stride[1]!]!;
      }
    }
  }
  return sum;
}

/** Column of panel `panel` of a hidden unit in a matrix of so many panels for each 16 units. */
export function columnOf(unit: number, panel: number, panels: number): number {
  return (Math.floor(unit / PANEL) * panels + panel) * PANEL + (unit % PANEL);
}

/** A row of a share at one of its steps. */
export interface RunningRow {
  row: number;
  /** Among all rows: its place in work buffers. */
  rank: number;
  /** Places: of its token, of the state before it, and of the token behind it where there is one. */
  token: number;
  previous: number;
  next: number | undefined;
}

/**
 * The rows of a share that are running at step t.
 *
 * @throws where the kernel would round half of a pair
 */
export function runningRows(
  o: SequenceOperands,
  { countsStart, steps, row0, unit0, unit1 }: SequenceShare,
  t: number,
): RunningRow[] {
  if (isPaired(o.weights) && unit0 % 2 !== 0 && unit1 > unit0)
    throw new Error('units that are rounded in pairs begin with an even one');
  const nextRows = t + 1 < steps ? o.counts.get(countsStart + t + 1) : 0;
  return Array.from({ length: o.counts.get(countsStart + t) }, (_, r) => {
    const row = o.ranked.get(row0 + r);
    return {
      ...{ row, rank: row0 + r, token: placeAt(o, row, t) },
      previous: t > 0 ? placeAt(o, row, t - 1) : initialPlace(o, row),
      next: r < nextRows ? placeAt(o, row, t + 1) : undefined,
    };
  });
}

/** What a sum of a token starts from: what came from below. */
export function fromBelow(o: ForwardOperands, token: number, column: number): number {
  return o.projected
    ? element(o.projected.product, o.projected.rows.get(token), column)
    : element(o.gates, token, column);
}

/** What comes to a hidden state from the layer above, and to a row's last one from whoever reads that. */
export function fromAbove(
  o: BackwardOperands,
  { row, token, next }: RunningRow,
  u: number,
): number {
  const ofToken = o.dHidden ? element(o.dHidden, token, u) : 0;
  return next === undefined && o.dLast ? ofToken + element(o.dLast, row, u) : ofToken;
}

/** Place of a row's token at step t. */
function placeAt(o: SequenceOperands, row: number, t: number): number {
  return o.tokenPlaces.get(o.rowStart.get(row) + t);
}

/** Place of the state before the first step of a row: behind the tokens. */
function initialPlace(o: SequenceOperands, row: number): number {
  return o.gates.shape[1]! + row;
}

/** The states of a unit at a place. */
function before(
  o: SequenceOperands,
  place: number,
  unit: number,
): { previousHidden: number; previousCell: number } {
  return {
    previousHidden: element(o.hidden, place, unit),
    previousCell: o.cell ? element(o.cell, place, unit) : 0,
  };
}
