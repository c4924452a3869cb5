import { PANEL } from '../../tensor/heap.js';
import { dot, element, setElement } from './operands.js';
import type {
  BackwardOperands,
  Cell,
  ForwardOperands,
  SequenceCall,
  SequenceOperands,
} from './sequence.js';

/** A recurrent layer's steps in plain TypeScript, around one unit of a cell. */
export function referenceForward(cell: Cell, o: ForwardOperands): SequenceCall {
  const panels = o.hidden.shape[0]!;
  const states = [o.hidden, o.cell].slice(0, cell.states);
  const carried = (state: number, row: number, u: number): number =>
    o.stateIn ? o.stateIn.get(state * panels + Math.floor(u / PANEL), row, u % PANEL) : 0;
  const sumOf = (token: number, previous: number, u: number, panel: number): number => {
    const column = columnOf(u, panel, cell.panels);
    const sum = o.projected
      ? element(o.projected.product, o.projected.rows.get(token), column)
      : element(o.gates, token, column);
    const product = cell.productPanels.indexOf(panel);
    if (product < 0) return sum;
    return dot(sum, o.hidden, previous, o.weights, columnOf(u, product, cell.productPanels.length));
  };
  return ({ countsStart, steps, row0, unit0, unit1 }, step0, step1) => {
    const started = steps > 0 && step0 < 0 ? o.counts.get(countsStart) : 0;
    for (let r = 0; r < started; r++) {
      const row = o.ranked.get(row0 + r);
      for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
        states.forEach((state, i) => {
          setElement(state!, initialPlace(o, row), u, carried(i, row, u));
        });
      }
    }
    for (let t = Math.max(step0, 0); t < step1; t++) {
      for (let r = 0; r < o.counts.get(countsStart + t); r++) {
        const row = o.ranked.get(row0 + r);
        const token = placeAt(o, row, t);
        const previous = placeBefore(o, row, t);
        for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
          const sums = Array.from({ length: cell.panels }, (_, panel) =>
            sumOf(token, previous, u, panel),
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
  const panels = o.hidden.shape[0]!;
  const products = cell.productPanels.length;
  /** What comes back to a hidden state through the sums of the step behind. */
  const throughSums = (next: number, u: number): number => {
    let sum = 0;
    for (let v = 0; v < panels; v++) {
      for (const [product, panel] of cell.productPanels.entries()) {
        const first = (v * products + product) * PANEL;
        // Places in the data, as in `dot`, for the same reason.
        const gradients = o.gates.index(v * cell.panels + panel, next, 0);
        const weights = o.weights.index(Math.floor(u / PANEL), first, u % PANEL);
        for (let lane = 0; lane < PANEL; lane++) {
          sum +=
            o.gates.data[gradients + lane]! *
            o.weights.data[weights + lane * o.weights.stride[1]!]!;
        }
      }
    }
    return sum;
  };
  return ({ countsStart, steps, row0, unit0, unit1 }, step0, step1) => {
    for (let t = step1 - 1; t >= step0; t--) {
      const nextRows = t + 1 < steps ? o.counts.get(countsStart + t + 1) : 0;
      for (let r = 0; r < o.counts.get(countsStart + t); r++) {
        const row = o.ranked.get(row0 + r);
        const token = placeAt(o, row, t);
        const isLast = r >= nextRows;
        for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
          let dHidden = o.dHidden ? element(o.dHidden, token, u) : 0;
          if (isLast && o.dLast) dHidden = element(o.dLast, row, u);
          if (!isLast) dHidden += throughSums(placeAt(o, row, t + 1), u);
          const kept = Array.from({ length: cell.panels }, (_, panel) =>
            element(o.gates, token, columnOf(u, panel, cell.panels)),
          );
          const { gradients, carried } = cell.backward({
            kept,
            dHidden,
            carried: isLast ? 0 : element(o.work.cell, row0 + r, u),
            hidden: element(o.hidden, token, u),
            cell: o.cell ? element(o.cell, token, u) : 0,
            ...before(o, placeBefore(o, row, t), u),
          });
          gradients.forEach((value, panel) => {
            setElement(o.gates, token, columnOf(u, panel, cell.panels), value);
          });
          setElement(o.work.cell, row0 + r, u, carried);
        }
      }
    }
  };
}

/** Column of panel `panel` of a hidden unit in a matrix of so many panels for each 16 units. */
function columnOf(unit: number, panel: number, panels: number): number {
  return (Math.floor(unit / PANEL) * panels + panel) * PANEL + (unit % PANEL);
}

/** Place of a row's token at step t. */
function placeAt(o: SequenceOperands, row: number, t: number): number {
  return o.tokenPlaces.get(o.rowStart.get(row) + t);
}

/** Place of the state before the first step of a row: behind the tokens. */
function initialPlace(o: SequenceOperands, row: number): number {
  return o.gates.shape[1]! + row;
}

/** Place of the state before step t of a row. */
function placeBefore(o: SequenceOperands, row: number, t: number): number {
  return t > 0 ? placeAt(o, row, t - 1) : initialPlace(o, row);
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
