import { PANEL } from '../../tensor/heap.js';
import { at, element, maybe, setElement } from './operands.js';
import { multiplied } from './pairs.js';
import { defineBackward, defineForward } from './recurrence.js';
import { statisticsOf, meansOf } from './row-norm.js';
import {
  beginStates,
  columnOf,
  fromAbove,
  fromBelow,
  leaveGradients,
  runningRows,
  throughSums,
} from './sequence-reference.js';
import type { Kernel } from './kernel.js';
import type {
  BackwardOperands,
  Cell,
  CellNormOperands,
  ForwardOperands,
  SequenceArguments,
  SequenceCall,
  SequenceOperands,
} from './sequence.js';

/** A cell with layer normalization: how its sums go on, and with a normalised cell state how that shows. */
export interface NormedCell extends Omit<Cell, 'forward' | 'backward'> {
  /** One hidden unit; of a cell whose state is normalised without the hidden state. */
  forward: Cell['forward'];
  /** Of a cell whose state is not normalised. */
  backward?: Cell['backward'];
  state?: StateNorm;
}

/** Of a cell state that is normalised before it shows. */
export interface StateNorm {
  /** The hidden state. */
  show(kept: readonly number[], y: number): number;
  /** Gradient of y; what takes the place of what was kept. */
  hide(kept: readonly number[], dHidden: number, y: number): { dy: number; kept: number[] };
  backward(
    kept: readonly number[],
    dCell: number,
    previousCell: number,
  ): { gradients: readonly number[]; carried: number };
}

/** The kernels of a cell; a step has three parts where the state is normalised, two elsewhere. */
export function normedKernels(cell: NormedCell): {
  forward: Kernel<ForwardOperands, SequenceArguments>;
  backward: Kernel<BackwardOperands, SequenceArguments>;
} {
  const { name, panels, productPanels, states, state } = cell;
  const parts = state ? 3 : 2;
  const kernels = {
    ...{ name: `${name}_norm`, panels, products: productPanels.length, states },
    halves: parts,
  };
  const forward = defineForward(kernels, (o) => referenceForward(cell, parts, o));
  const backward = defineBackward(kernels, (o) => referenceBackward(cell, parts, o));
  return {
    forward: { ...forward, arguments: (o) => [...normArguments(o), ...forward.arguments(o)] },
    backward: { ...backward, arguments: (o) => [...normArguments(o), ...backward.arguments(o)] },
  };
}

/** As kernels/normed.h takes them. */
function normArguments({ norm }: SequenceOperands): number[] {
  const { raw, dRaw, gain, state, dState, statistics, hiddenSize, epsilon } = norm!;
  return [
    ...[at(raw), maybe(dRaw), raw.stride[0]!, at(gain), maybe(state?.gain), maybe(state?.bias)],
    ...[maybe(dState), dState?.stride[0] ?? 0, at(statistics), statistics.stride[0]!],
    ...[hiddenSize, epsilon],
  ];
}

/** Columns of all that is normalised together: of the sums with a product, or of the cell state. */
function sumColumns({ panels, productPanels }: NormedCell, { hiddenSize }: CellNormOperands) {
  return Array.from({ length: hiddenSize }, (_, u) =>
    productPanels.map((panel) => columnOf(u, panel, panels)),
  ).flat();
}

function stateColumns({ hiddenSize }: CellNormOperands): number[] {
  return Array.from({ length: hiddenSize }, (_, u) => u);
}

function referenceForward(cell: NormedCell, parts: number, o: ForwardOperands): SequenceCall {
  const norm = o.norm!;
  const { panels, productPanels, states } = cell;
  const [ofSums, ofState] = [sumColumns(cell, norm), stateColumns(norm)];
  const units = o.hidden.shape[0]!;
  return (share, step0, step1) => {
    const { unit0, unit1 } = share;
    const keeps = unit0 === 0 && unit1 > 0;
    if (step0 < 0) beginStates(o, states, share);
    for (let number = Math.max(step0, 0); number < step1; number++) {
      const part = number % parts;
      for (const { row, token, previous } of runningRows(o, share, Math.floor(number / parts))) {
        const leave = (state: number, u: number, value: number): void => {
          setElement([o.hidden, o.cell][state]!, token, u, value);
          o.stateOut.set(state * units + Math.floor(u / PANEL), row, u % PANEL, value);
        };
        const found =
          part === 0
            ? undefined
            : part === 1
              ? statisticsOf(norm.raw, token, ofSums, norm.epsilon)
              : statisticsOf(o.cell!, token, ofState, norm.epsilon);
        if (found && keeps) {
          norm.statistics.set(2 * (part - 1), token, found.mean);
          norm.statistics.set(2 * (part - 1) + 1, token, found.scale);
        }
        for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
          const column = (panel: number): number => columnOf(u, panel, panels);
          if (!found) {
            productPanels.forEach((panel, k) => {
              const product = columnOf(u, k, productPanels.length);
              const sum = multiplied(0, o.hidden, previous, o.weights, product);
              setElement(norm.raw, token, column(panel), sum);
            });
            continue;
          }
          if (part === 2) {
            const kept = Array.from({ length: panels }, (_, p) =>
              element(o.gates, token, column(p)),
            );
            const normal = (element(o.cell!, token, u) - found.mean) * found.scale;
            const y = normal * norm.state!.gain.get(u) + norm.state!.bias.get(u);
            leave(0, u, cell.state!.show(kept, y));
            continue;
          }
          const sums = Array.from({ length: panels }, (_, p) => {
            const from = fromBelow(o, token, column(p));
            if (!productPanels.includes(p)) return from;
            const normal = (element(norm.raw, token, column(p)) - found.mean) * found.scale;
            return from + normal * norm.gain.get(column(p));
          });
          const result = cell.forward({
            sums,
            previousHidden: element(o.hidden, previous, u),
            previousCell: o.cell ? element(o.cell, previous, u) : 0,
          });
          result.kept.forEach((value, p) => setElement(o.gates, token, column(p), value));
          if (parts === 2) leave(0, u, result.hidden);
          if (states > 1) leave(1, u, result.cell);
        }
      }
    }
  };
}

function referenceBackward(cell: NormedCell, parts: number, o: BackwardOperands): SequenceCall {
  const norm = o.norm!;
  const { panels, productPanels, states } = cell;
  const [ofSums, ofState] = [sumColumns(cell, norm), stateColumns(norm)];
  const raw = { panels, products: productPanels };
  const statistics = (pair: number, token: number): { mean: number; scale: number } => ({
    mean: norm.statistics.get(2 * pair, token),
    scale: norm.statistics.get(2 * pair + 1, token),
  });
  const stateNormal = (token: number, u: number): number => {
    const { mean, scale } = statistics(1, token);
    return (element(o.cell!, token, u) - mean) * scale;
  };
  return (share, step0, step1) => {
    const { unit0, unit1 } = share;
    for (let number = step1 - 1; number >= Math.max(step0, 0); number--) {
      const [t, part] = [Math.floor(number / parts), number % parts];
      for (const running of runningRows(o, share, t)) {
        const { rank, token, previous, next } = running;
        const found = part === 0 ? statistics(0, token) : undefined;
        const means = found
          ? meansOf({ values: norm.raw, dy: o.gates, gain: norm.gain }, token, ofSums, found)
          : part === 1 && parts === 3
            ? meansOf(
                { values: o.cell!, dy: norm.dState!, gain: norm.state!.gain },
                token,
                ofState,
                statistics(1, token),
              )
            : undefined;
        for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
          const column = (panel: number): number => columnOf(u, panel, panels);
          const carried = next === undefined && part > 0 ? 0 : element(o.work.cell, rank, u);
          const carry = (value: number): void => setElement(o.work.cell, rank, u, value);
          if (found) {
            for (const panel of productPanels) {
              const value = means!.gradient(element(norm.raw, token, column(panel)), {
                dy: element(o.gates, token, column(panel)),
                gain: norm.gain.get(column(panel)),
              });
              setElement(norm.dRaw!, token, column(panel), u < norm.hiddenSize ? value : 0);
            }
            continue;
          }
          const kept = Array.from({ length: panels }, (_, p) => element(o.gates, token, column(p)));
          const replace = (values: readonly number[]): void =>
            values.forEach((value, p) => setElement(o.gates, token, column(p), value));
          if (means) {
            const gain = norm.state!.gain.get(u);
            const own = means.gradient(element(o.cell!, token, u), {
              ...{ gain, dy: element(norm.dState!, token, u) },
            });
            const result = cell.state!.backward(
              kept,
              (u < norm.hiddenSize ? own : 0) + carried,
              element(o.cell!, previous, u),
            );
            replace(result.gradients);
            carry(result.carried);
            continue;
          }
          let dHidden = fromAbove(o, running, u);
          if (next !== undefined) dHidden += throughSums(norm.dRaw!, o.weights, raw, next, u);
          if (cell.state) {
            const { gain, bias } = norm.state!;
            const y = stateNormal(token, u) * gain.get(u) + bias.get(u);
            const hidden = cell.state.hide(kept, dHidden, y);
            setElement(norm.dState!, token, u, hidden.dy);
            replace(hidden.kept);
            continue;
          }
          const result = cell.backward!({
            ...{ kept, dHidden, carried, cell: 0, previousCell: 0 },
            hidden: element(o.hidden, token, u),
            previousHidden: element(o.hidden, previous, u),
          });
          replace(result.gradients);
          carry(result.carried);
        }
      }
    }
    if (step0 < 0) leaveGradients({ ...o, gates: norm.dRaw! }, raw, states, share);
  };
}
