import ops from 'ndarray-ops';
import { PANEL, type IndexTensor, type Tensor } from '../tensor/heap.js';
import type {
  AdamOperands,
  Backend,
  DropoutOperands,
  LstmBackwardOperands,
  LstmCall,
  LstmForwardOperands,
  ProductOperands,
  SequenceOperands,
  SoftmaxOperands,
  WeightGradientOperands,
} from './kernels.js';
import { dropoutThreshold } from './compiled.js';
import { philox } from '../tensor/random.js';

/**
 * The kernels in plain TypeScript, float64 inside: slow and obvious, the oracle of every kernel test. On a
 * float64 heap whole models run in float64, which is what finite differences need.
 */
export function createReferenceBackend(): Backend {
  return {
    name: 'reference',
    profile: 'float64',
    lanes: 1,
    product,
    lstmForward,
    lstmBackward,
    gatherRows,
    tokenSum,
    rowSquares,
    weightGradient,
    softmax,
    adam,
    pack,
    packBias,
    dropout,
    evaluate,
    peak: () => () => undefined,
  };
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Element (row, column) of a panel matrix. */
const element = (m: Tensor, row: number, column: number): number =>
  m.get(Math.floor(column / PANEL), row, column % PANEL);
const setElement = (m: Tensor, row: number, column: number, value: number): void => {
  m.set(Math.floor(column / PANEL), row, column % PANEL, value);
};
const columnsOf = (m: Tensor): number => m.shape[0]! * PANEL;

/** Rows of a parameter that unit (16-row panel) `unit` stands for; gates are interleaved i, f, g, o. */
function rowsOfUnit(unit: number, rows: number, gates: boolean): number[] {
  const hidden = gates ? rows / 4 : rows;
  const first = (gates ? Math.floor(unit / 4) : unit) * PANEL;
  const base = gates ? (unit % 4) * hidden : 0;
  const count = Math.min(PANEL, hidden - first);
  return Array.from({ length: count }, (_, r) => base + first + r);
}

function product({ a, b, c, start }: ProductOperands): (row0: number, row1: number) => void {
  return (row0, row1) => {
    for (let row = row0; row < row1; row++) {
      for (let n = 0; n < columnsOf(c); n++) {
        let sum = 0;
        if (start === 'result') sum = element(c, row, n);
        else if (start !== 'zero') sum = start.bias.get(n);
        for (let k = 0; k < columnsOf(a); k++) sum += element(a, row, k) * element(b, k, n);
        setElement(c, row, n, sum);
      }
    }
  };
}

/** Column of a gate (0 i, 1 f, 2 g, 3 o) of a hidden unit in a gate matrix. */
const gateColumn = (unit: number, gate: number): number =>
  (Math.floor(unit / PANEL) * 4 + gate) * PANEL + (unit % PANEL);

/** Place of a row's token at step t. */
const placeAt = (o: SequenceOperands, row: number, t: number): number =>
  o.tokenPlaces.get(o.rowStart.get(row) + t);

/** Place of the state before the first step of a row: behind the tokens. */
const initialPlace = (o: SequenceOperands, row: number): number => o.gates.shape[1]! + row;

function lstmForward(o: LstmForwardOperands): LstmCall {
  const units = columnsOf(o.hidden);
  const panels = o.hidden.shape[0]!;
  const carried = (half: number, row: number, u: number): number =>
    o.stateIn ? o.stateIn.get(half * panels + Math.floor(u / PANEL), row, u % PANEL) : 0;
  return ({ countsStart, steps, row0, unit0, unit1 }, step0, step1) => {
    const started = steps > 0 && step0 < 0 ? o.counts.get(countsStart) : 0;
    for (let r = 0; r < started; r++) {
      const row = o.ranked.get(row0 + r);
      for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
        setElement(o.hidden, initialPlace(o, row), u, carried(0, row, u));
        setElement(o.cell, initialPlace(o, row), u, carried(1, row, u));
      }
    }
    for (let t = Math.max(step0, 0); t < step1; t++) {
      for (let r = 0; r < o.counts.get(countsStart + t); r++) {
        const row = o.ranked.get(row0 + r);
        const token = placeAt(o, row, t);
        const previous = t > 0 ? placeAt(o, row, t - 1) : initialPlace(o, row);
        for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
          const sums = [0, 1, 2, 3].map((gate) => {
            const column = gateColumn(u, gate);
            let sum = o.projected
              ? element(o.projected.product, o.projected.rows.get(token), column)
              : element(o.gates, token, column);
            for (let k = 0; k < units; k++) {
              sum += element(o.hidden, previous, k) * element(o.weights, k, column);
            }
            return sum;
          });
          const [i, f, g, out] = [
            sigmoid(sums[0]!),
            sigmoid(sums[1]!),
            Math.tanh(sums[2]!),
            sigmoid(sums[3]!),
          ];
          [i, f, g, out].forEach((value, gate) => {
            setElement(o.gates, token, gateColumn(u, gate), value);
          });
          const c = f * element(o.cell, previous, u) + i * g;
          setElement(o.cell, token, u, c);
          setElement(o.hidden, token, u, out * Math.tanh(c));
          // The last step of the row overwrites what earlier ones put here.
          const panel = Math.floor(u / PANEL);
          o.stateOut.set(panel, row, u % PANEL, element(o.hidden, token, u));
          o.stateOut.set(panels + panel, row, u % PANEL, c);
        }
      }
    }
  };
}

function lstmBackward(o: LstmBackwardOperands): LstmCall {
  const units = columnsOf(o.cell);
  return ({ countsStart, steps, row0, unit0, unit1 }, step0, step1) => {
    for (let t = step1 - 1; t >= step0; t--) {
      const nextRows = t + 1 < steps ? o.counts.get(countsStart + t + 1) : 0;
      for (let r = 0; r < o.counts.get(countsStart + t); r++) {
        const row = o.ranked.get(row0 + r);
        const token = placeAt(o, row, t);
        const previous = t > 0 ? placeAt(o, row, t - 1) : initialPlace(o, row);
        const isLast = r >= nextRows;
        for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
          let dh = o.dHidden ? element(o.dHidden, token, u) : 0;
          if (isLast && o.dLast) dh = element(o.dLast, row, u);
          for (let k = 0; k < units * 4 && !isLast; k++) {
            dh += element(o.gates, placeAt(o, row, t + 1), k) * element(o.weights, k, u);
          }
          const [i, f, g, out] = [0, 1, 2, 3].map((gate) =>
            element(o.gates, token, gateColumn(u, gate)),
          ) as [number, number, number, number];
          const c = Math.tanh(element(o.cell, token, u));
          const carried = isLast ? 0 : element(o.work.cell, row0 + r, u);
          const dc = carried + dh * out * (1 - c * c);
          const gradients = [
            dc * g * i * (1 - i),
            dc * element(o.cell, previous, u) * f * (1 - f),
            dc * i * (1 - g * g),
            dh * c * out * (1 - out),
          ];
          gradients.forEach((value, gate) => {
            setElement(o.gates, token, gateColumn(u, gate), value);
          });
          setElement(o.work.cell, row0 + r, u, dc * f);
        }
      }
    }
  };
}

function gatherRows(o: {
  table: Tensor;
  ids: IndexTensor;
  out: Tensor;
}): (row0: number, row1: number) => void {
  return (row0, row1) => {
    for (let row = row0; row < row1; row++) {
      for (let column = 0; column < columnsOf(o.out); column++) {
        const inside = column < o.table.shape[1]!;
        setElement(o.out, row, column, inside ? o.table.get(o.ids.get(row), column) : 0);
      }
    }
  };
}

function tokenSum(o: {
  gradient: Tensor;
  starts: IndexTensor;
  positions: IndexTensor;
  out: Tensor;
}): (distinct: number, panel0: number, panel1: number) => void {
  return (distinct, panel0, panel1) => {
    for (let panel = panel0; panel < panel1; panel++) {
      for (let d = 0; d < distinct; d++) {
        const row = o.out.pick(panel, d, null);
        ops.assigns(row, 0);
        for (let i = o.starts.get(d); i < o.starts.get(d + 1); i++) {
          ops.addeq(row, o.gradient.pick(panel, o.positions.get(i), null));
        }
      }
    }
  };
}

function rowSquares(o: {
  matrix: Tensor;
  sums: { set(index: number, value: number): unknown };
}): (rows: number, block0: number, block1: number) => void {
  return (rows, block0, block1) => {
    for (let block = block0; block < block1; block++) {
      const first = block * PANEL;
      const count = Math.min(PANEL, rows - first);
      o.sums.set(
        block,
        ops.norm2(o.matrix.lo(0, first, 0).hi(o.matrix.shape[0]!, count, PANEL)) ** 2,
      );
    }
  };
}

function weightGradient(o: WeightGradientOperands): (panel0: number, panel1: number) => void {
  const [rows, columns] = [o.out.shape[0]!, o.out.shape[1]!];
  return (panel0, panel1) => {
    const end = o.segments.get(o.segments.shape[0]! - 1);
    for (let panel = panel0; panel < panel1; panel++) {
      let squares = 0;
      rowsOfUnit(panel, rows, o.gates).forEach((row, lane) => {
        const gradientAt = (k: number): number =>
          o.dOutput.get(panel, o.orderOutput?.get(k) ?? k, lane);
        for (let column = 0; column < columns; column++) {
          let sum = 0;
          for (let k = 0; k < end; k++) {
            sum += gradientAt(k) * element(o.input, o.orderInput?.get(k) ?? k, column);
          }
          o.out.set(row, column, sum);
          squares += sum * sum;
        }
        if (!o.bias) return;
        let sum = 0;
        for (let k = 0; k < end; k++) sum += gradientAt(k);
        o.bias.out.set(row, sum);
        squares += o.bias.copies * sum * sum;
      });
      o.squares.set(panel, squares);
    }
  };
}

function softmax(o: SoftmaxOperands): (scale: number, row0: number, row1: number) => void {
  return (scale, row0, row1) => {
    for (let row = row0; row < row1; row++) {
      const logits = Array.from({ length: o.classes }, (_, c) => element(o.logits, row, c));
      const max = Math.max(...logits);
      const sum = logits.reduce((total, value) => total + Math.exp(value - max), 0);
      const target = o.targets?.get(row);
      o.predicted.set(row, Math.max(0, logits.indexOf(max)));
      if (target !== undefined) o.losses.set(row, max - logits[target]! + Math.log(sum));
      for (let c = 0; c < columnsOf(o.logits); c++) {
        const probability = c < o.classes ? Math.exp(logits[c]! - max) / sum : 0;
        const gradient = (probability - (c === target ? 1 : 0)) * scale;
        setElement(o.logits, row, c, scale === 0 ? probability : gradient);
      }
    }
  };
}

function adam(o: AdamOperands): (unit0: number, unit1: number) => void {
  const setting = (index: number): number => o.settings.get(index);
  const columns = o.parameter.shape[1] ?? 1;
  const place = (t: Tensor, row: number, column: number): [number, number] | [number] =>
    t.dimension === 1 ? [row] : [row, column];
  return (unit0, unit1) => {
    for (let unit = unit0; unit < unit1; unit++) {
      if (o.done.get(unit) === setting(0)) continue;
      for (const row of rowsOfUnit(unit, o.parameter.shape[0]!, o.gates)) {
        for (let column = 0; column < columns; column++) {
          const at = place(o.parameter, row, column);
          const source = o.index?.get(row);
          let gradient = 0;
          if (source === undefined) gradient = o.gradient.get(...at);
          else if (source >= 0) gradient = element(o.gradient, source, column);
          const g = gradient * setting(1);
          const m = setting(3) * o.moment1.get(...at) + setting(5) * g;
          const v = setting(4) * o.moment2.get(...at) + setting(6) * g * g;
          o.moment1.set(...(at as [number, number]), m);
          o.moment2.set(...(at as [number, number]), v);
          const change = (setting(2) * m) / (Math.sqrt(v) * setting(7) + setting(8));
          o.parameter.set(...(at as [number, number]), o.parameter.get(...at) - change);
        }
      }
      o.done.set(unit, setting(0));
    }
  };
}

function pack(o: {
  weight: Tensor;
  gates: boolean;
  forward: Tensor;
  backward?: Tensor;
}): (unit0: number, unit1: number) => void {
  return (unit0, unit1) => {
    for (let unit = unit0; unit < unit1; unit++) {
      rowsOfUnit(unit, o.weight.shape[0]!, o.gates).forEach((row, lane) => {
        for (let column = 0; column < o.weight.shape[1]!; column++) {
          const value = o.weight.get(row, column);
          setElement(o.forward, column, unit * PANEL + lane, value);
          if (o.backward) setElement(o.backward, unit * PANEL + lane, column, value);
        }
      });
    }
  };
}

function packBias(o: {
  first: Tensor;
  second?: Tensor;
  gates: boolean;
  out: Tensor;
}): (unit0: number, unit1: number) => void {
  return (unit0, unit1) => {
    for (let unit = unit0; unit < unit1; unit++) {
      rowsOfUnit(unit, o.first.shape[0]!, o.gates).forEach((row, lane) => {
        o.out.set(unit * PANEL + lane, o.first.get(row) + (o.second?.get(row) ?? 0));
      });
    }
  };
}

/** Second word of the key of dropout's random numbers, as in kernels/dropout.c. */
const DROPOUT_KEY = 0x10c57e9;

function dropout(o: DropoutOperands): (row0: number, row1: number) => void {
  const threshold = dropoutThreshold(o.rate);
  return (row0, row1) => {
    for (let row = row0; row < row1; row++) {
      for (let column = 0; column < columnsOf(o.out); column++) {
        const group = Math.floor(column / 8);
        const words = philox(
          [o.numbers?.get(row) ?? row, group, o.step.get(0), o.stream],
          [o.seed, DROPOUT_KEY],
        );
        const bits = (words[(column % 8) >> 1]! >>> ((column % 2) * 16)) & 0xffff;
        const kept = element(o.input, row, column) / (1 - o.rate);
        setElement(o.out, row, column, bits < threshold ? 0 : kept);
      }
    }
  };
}

function evaluate(o: {
  function: 'exp' | 'sigmoid' | 'tanh';
  input: Tensor;
  out: Tensor;
}): (count: number) => void {
  const evaluateOne = { exp: Math.exp, sigmoid, tanh: Math.tanh }[o.function];
  return (count) => {
    for (let i = 0; i < count; i++) o.out.set(i, evaluateOne(o.input.get(i)));
  };
}
