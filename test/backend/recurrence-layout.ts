import type { backwardKernel, forwardKernel } from '../../src/backend/kernels/recurrence.js';
import type {
  SequenceCall,
  SequenceOperands,
  SequenceShare,
} from '../../src/backend/kernels/sequence.js';
import { PANEL, panelsOf, type IndexTensor, type Tensor } from '../../src/tensor/heap.js';
import type { Fill, Workbench } from './workbench.js';

/** How a recurrent layer's buffers lie on the bench, whatever its cell. */

/** A kind of layer: its kernels, its panels for each 16 units, and those of them that are a product's with h_{t−1}. */
export interface Kind {
  name: string;
  forward: ReturnType<typeof forwardKernel>;
  backward: ReturnType<typeof backwardKernel>;
  panels: number;
  products: number;
  states: number;
  /** Panels between −1 and 1; others of what forward keeps are between 0 and 1. */
  signed: number[];
  /** Whether steps have two halves, the second with a product of its own. */
  halves?: true;
  /** Of cells with layer normalization: parts of a step, of which the third is that of the cell state; and panels with a product. */
  norm?: { parts: number; productPanels: number[] };
}

/** Rows by their lengths, and the stretches of rows that are computed together. */
export interface Batch {
  lengths: number[];
  shares: [from: number, to: number][];
  /** How many divide the hidden units of each share among them, step by step; 1 unless told otherwise. */
  members?: number;
  /** Whether products are of bfloat16: then they divide pairs of panels of these. */
  paired?: object;
}

/** What work buffers have room for. */
export const MOST_MEMBERS = 3;

/** Whether a column of a gate matrix belongs to a hidden unit and not to the filling of the last panel. */
export const isUnit = (column: number, hidden: number, panels: number): boolean =>
  Math.floor(column / (panels * PANEL)) * PANEL + (column % PANEL) < hidden;

/** Like `fill`, but zero where gates fill up the last panel. */
export function gateFill(fill: Fill, hidden: number, panels: number): Fill {
  return (row, column) => (isUnit(column, hidden, panels) ? fill(row, column) : 0);
}

/** A layer's buffers on the bench, and the calls for every share of the batch. */
export function layOut(
  bench: Workbench,
  kind: Kind,
  hidden: number,
  { lengths, shares, members = 1, paired }: Batch,
  fills: {
    gates?: Fill;
    hidden?: Fill;
    cell?: Fill;
    weights: Tensor | IndexTensor;
    inner: Tensor | IndexTensor;
  },
): {
  sequence: SequenceOperands;
  forwards: (call: SequenceCall) => () => void;
  /** From the last step to one that is given: −1 is for the state before the first one. */
  backwards: (call: SequenceCall, first: 0 | -1) => () => void;
  tokens: number;
} {
  const rows = lengths.length;
  const rowStart = [0];
  for (const length of lengths) rowStart.push(rowStart.at(-1)! + length);
  const tokens = rowStart[rows]!;
  const ranked = Array.from({ length: rows }, (_, row) => row);
  const counts: number[] = [];
  const units = panelsOf(hidden);
  const whole = shares.map(([from, to]): SequenceShare => {
    const own = ranked.slice(from, to).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
    ranked.splice(from, to - from, ...own);
    const steps = own.length > 0 ? lengths[own[0]!]! : 0;
    const countsStart = counts.length;
    for (let t = 0; t < steps; t++) counts.push(own.filter((row) => lengths[row]! > t).length);
    return { countsStart, steps, row0: from, unit0: 0, unit1: units, member: 0 };
  });
  const sequence = {
    gates: bench.panels('gates', tokens, kind.panels * units * PANEL, fills.gates),
    hidden: bench.panels('hidden', tokens + rows, hidden, fills.hidden),
    ...(kind.states > 1 && {
      cell: bench.panels('cell', tokens + rows, hidden, fills.cell),
    }),
    weights: fills.weights,
    ...(kind.halves && {
      inner: { values: bench.panels('inner', tokens, hidden), weights: fills.inner },
    }),
    rowStart: bench.indices('row start', rowStart),
    // Any places will do: here the tokens lie back to front.
    tokenPlaces: bench.indices(
      'token places',
      Array.from({ length: tokens }, (_, i) => tokens - 1 - i),
    ),
    ranked: bench.indices('ranked', ranked),
    // As long as the most that any shares could need.
    counts: bench.indices('counts', [
      ...counts,
      ...new Array<number>(tokens - counts.length).fill(0),
    ]),
    places: bench.indices('places', 2 * MOST_MEMBERS, rows),
  };
  // Who computes which rows is no result, and work buffers mean nothing afterwards.
  for (const name of ['ranked', 'counts', 'places']) bench.allow(name, Infinity);
  const halves = kind.norm?.parts ?? (kind.halves ? 2 : 1);
  /** Step t of all units, or a half of one. */
  const step = (call: SequenceCall, share: SequenceShare, t: number): void => {
    const width = paired ? 2 : 1;
    const firstOf = (member: number): number =>
      Math.min(units, width * Math.floor((member * Math.ceil(units / width)) / members));
    for (let member = 0; member < members; member++) {
      const [unit0, unit1] = [firstOf(member), firstOf(member + 1)];
      call({ ...share, unit0, unit1, member }, t, t + 1);
    }
  };
  return {
    sequence,
    forwards: (call) => () => {
      for (const share of whole) {
        if (members === 1) call(share, -1, halves * share.steps);
        else for (let t = -1; t < halves * share.steps; t++) step(call, share, t);
      }
    },
    backwards: (call, first) => () => {
      for (const share of whole) {
        if (members === 1) call(share, first, halves * share.steps);
        else for (let t = halves * share.steps - 1; t >= first; t--) step(call, share, t);
      }
    },
    tokens,
  };
}

/** What goes from step to step, and what is found out in one. */
export function workOf(
  bench: Workbench,
  rows: number,
  panels: { hidden: number; cell: number; gates: number },
): { hidden: Tensor; cell: Tensor; gates: Tensor } {
  const work = (name: string, count: number): Tensor => {
    const tensor = bench.panels(name, rows, count * PANEL);
    bench.allow(name, Infinity);
    return tensor;
  };
  return {
    hidden: work('work hidden', panels.hidden),
    cell: work('work cell', panels.cell),
    gates: work('work gates', panels.gates),
  };
}

/** A packed weight: what lays it out on the bench. */
export function packedWeight(
  bench: Workbench,
  paired: object | undefined,
): (name: string, inputs: number, columns: number, fill: Fill) => Tensor | IndexTensor {
  return (...about) => (paired ? bench.pairedPanels(...about) : bench.panels(...about));
}

/** What weights in bfloat16 are multiplied with. */
export function wordsOf(bench: Workbench, rows: number, pairs: number): { words: IndexTensor } {
  const words = bench.pairs('words', rows, 2 * PANEL * pairs);
  bench.allow('words', Infinity);
  return { words };
}
