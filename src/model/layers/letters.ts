import { MOST_TAPS, windows, windowSum } from '../../backend/kernels/convolution.js';
import { spreadRows, tokenSum } from '../../backend/kernels/embedding.js';
import { pool, unpool } from '../../backend/kernels/pool.js';
import { PANEL, panelsOf, type BufferSpec } from '../../tensor/heap.js';
import { bindActivation } from '../activation.js';
import { distinctOf, spellingOf } from '../batch/slot-plan.js';
import type { Binding } from '../binding.js';
import { defineLayer, type BoundGradient, type BoundLayer, type BoundSignal } from '../layer.js';
import { maxDistinct } from '../sizes.js';
import type { Zod } from '../../zod.js';
import {
  bindBranch,
  describeBranch,
  inChunks,
  planBranch,
  type Branch,
} from './convolution-branch.js';

const options = (z: Zod) =>
  z.strictObject({
    width: z.int().positive().describe('Width of the vectors.'),
    window: z.int().positive().max(MOST_TAPS).describe('Letters that each output sees.'),
  });

/** Of a word in running text: whoever counts operations knows no text. */
const USUAL_LETTERS = 5;

/**
 * How words are spelled (Ma & Hovy 2016): a convolution along the letters of a word, beyond its ends zeros, its hyperbolic tangent, and
 * of every column the largest value. Each distinct spelling of a batch is gone through once: forwards when all distinct letters have
 * their vectors, and back when all spellings have their gradients, after which the letters and the weights get theirs.
 */
export const letters = defineLayer({
  kind: 'letters',
  options,
  accepts: ['letters'],
  describe({ width, window }, input, { module, index }) {
    const spells = input.spells!;
    const { width: inputs, stream } = input;
    const before = (window - 1) >> 1;
    const described = describeBranch(module, {
      ...{ inputs, channels: width, taps: window, firstTap: 0, column: 0 },
    });
    return {
      output: { per: 'distinct', width, stream: spells.stream },
      reads: 'whole',
      parameters: [described.weight, described.bias],
      carried: [],
      // It is read when all spellings have their gradients.
      gradientInPlace: false,
      meetings: () => 0,
      multiplyAdds: (tokens) =>
        tokens * Math.min(spells.most, USUAL_LETTERS) * inputs * window * width,
      plan(heap, sizes, shared) {
        const { training } = sizes;
        const most = spells.most * sizes.maxTokens;
        const spellings = maxDistinct(sizes, spells.stream);
        const seen = window * panelsOf(inputs) * PANEL;
        const named = `${module} ${index}`;
        const values = heap.panels(`${named} spellings`, spellings, width);
        const dWindows = training ? shared.panels('work windows', most, seen) : undefined;
        const planned = {
          ...{ stream: stream!, spelled: spells.stream, before, taps: window, most, values },
          branch: planBranch(heap, described, training),
          letters: heap.panels(`${named} letters`, most, inputs),
          windows: heap.panels(`${named} windows`, most, seen),
          out: heap.panels(`${named} outputs`, most, width),
          ...(training && {
            chosen: heap.indices(`${named} chosen`, panelsOf(width), spellings, PANEL),
            dOut: heap.panels(`${named} gradient`, most, width),
          }),
        };
        return {
          values,
          bind: (binding, bound, gradient) =>
            bindLetters(
              binding,
              { ...planned, ...(dWindows && { dWindows: dWindows() }) },
              bound,
              gradient,
            ),
        };
      },
    };
  },
});

interface PlannedLetters {
  /** Of the letters, and of the spellings that they make up. */
  stream: number;
  spelled: number;
  /** Letters of a window, and how many of them before the one that it belongs to. */
  taps: number;
  before: number;
  /** Places of letters. */
  most: number;
  branch: Branch;
  /** [panels, letters, 16]: their vectors, later the gradients of these; windows of them; outputs; and the gradients of both */
  letters: BufferSpec;
  windows: BufferSpec;
  out: BufferSpec;
  dOut?: BufferSpec;
  dWindows?: BufferSpec;
  /** [panels, spellings, 16]: the letter that each value comes from */
  chosen?: BufferSpec;
  values: BufferSpec;
}

function bindLetters(
  binding: Binding,
  planned: PlannedLetters,
  input: BoundSignal,
  { gradient: dValues }: BoundGradient,
): BoundLayer {
  const { backend, heap, slotPlan, view, clock, training } = binding;
  const { stream, spelled, before, taps, most } = planned;
  const spelling = spellingOf(slotPlan, stream);
  const distinct = distinctOf(slotPlan, stream);
  const near = {
    ...{ before, taps, places: most },
    previous: heap.indices(spelling.letterBefore),
    following: heap.indices(spelling.letterBehind),
    numbers: heap.indices(spelling.letterPlaces),
  };
  const [vectors, seen, out] = [
    heap.tensor(planned.letters),
    heap.tensor(planned.windows),
    heap.tensor(planned.out),
  ];
  const values = heap.tensor(planned.values);
  const dOut = training ? heap.tensor(planned.dOut!) : undefined;
  const starts = heap.flatIndices(spelling.letterStart);
  const range = heap.flatIndices(spelling.letterRange);
  const lettersOf = (first: number, last: number): [number, number] => [
    starts[first]!,
    starts[last]!,
  ];
  const rows = {
    ...{ rowStart: heap.indices(spelling.letterStart) },
    tokenPlaces: heap.indices(spelling.letterPlaces),
  };
  const spread = backend.bind(spreadRows, {
    ...{ from: input.value, out: vectors },
    index: heap.indices(distinct.distinctOf),
  });
  const look = backend.bind(windows, { input: vectors, windows: seen, near });
  const sums = {
    order: { segments: heap.indices(spelling.letterRange) },
    count: () => range[1]!,
  };
  const branch = bindBranch(binding, planned.branch, sums, { seen, out, gradient: dOut });
  const bent = bindActivation(binding, 'tanh', out, dOut);
  const chosen = training ? heap.indices(planned.chosen!) : undefined;
  const own = { kind: 'max' as const, ...rows, ...(chosen && { chosen }) };
  const largest = backend.bind(pool, { ...own, input: out, out: values });
  const layer: BoundLayer = {
    output: { value: values },
    spell(part) {
      const [first, last] = view.share(view.distinct(spelled), part);
      const places = lettersOf(first, last);
      spread(...places);
      inChunks(places, (place0, place1) => {
        look(place0, place1);
        branch.forward(place0, place1);
        bent.forward?.(place0, place1);
      });
      largest(first, last);
      clock.lap('convolution');
    },
    packs: branch.packs,
  };
  if (!training) return layer;

  const dWindows = heap.tensor(planned.dWindows!).hi(seen.shape[0]!, seen.shape[1]!, PANEL);
  const spreadOut = backend.bind(unpool, { ...own, dOut: dValues!, dInput: dOut!, adds: false });
  const back = branch.bindBackward(dWindows, 'zero');
  // The vectors have been read: windows hold what weights need of them.
  const sum = backend.bind(windowSum, { dWindows, near, dInput: vectors, adds: false });
  const sumLetters = backend.bind(tokenSum, {
    gradient: vectors,
    starts: heap.indices(distinct.distinctStart),
    positions: heap.indices(distinct.positions),
    ...{ out: input.gradient!, adds: input.start === 'result' },
  });
  const panels = vectors.shape[0]!;
  return {
    ...layer,
    finishDistinct(block0, block1) {
      const [first, last] = [block0 * PANEL, Math.min(block1 * PANEL, view.distinct(spelled))];
      const places = lettersOf(first, last);
      spreadOut(first, last);
      inChunks(places, (place0, place1) => {
        bent.backward?.(place0, place1);
        back(place0, place1);
      });
      sum(...places);
      clock.lap('convolution');
    },
    finishCost: taps * panels * out.shape[0]!,
    weightGradients: [branch.weightGradient!],
    distinctGradient(row0, row1) {
      sumLetters(row0, row1, 0, panels);
      clock.lap('embedding gradients');
    },
  };
}
