import type { z } from 'zod';
import { MOST_TAPS } from '../../backend/kernels/windows.js';
import { bindLayers, type PlannedLayers } from '../bind-layers.js';
import { spellingOf } from '../batch/slot-plan.js';
import type { Binding } from '../binding.js';
import {
  defineLayer,
  UnfitInput,
  type BoundLayer,
  type BoundSignal,
  type LayerKind,
  type NetworkLayer,
} from '../layer.js';
import { SharedBuffers } from '../shared-buffers.js';
import { planGradients } from '../signal-gradients.js';
import type { Signal } from '../signal.js';
import { spellingSizes, type NetworkSizes } from '../sizes.js';
import type { Share } from '../work/teams.js';
import type { Zod } from '../../zod.js';
import { concatenate } from './concatenate.js';
import { convolution } from './convolution.js';
import { expand } from './expand.js';
import { last } from './last.js';
import { lstm } from './lstm.js';
import { max } from './pooling.js';

const options = (z: Zod) =>
  z.strictObject({
    width: z.int().positive().describe('Width of the vectors.'),
    read: z.enum(['convolution', 'lstm']).describe('What reads the letters.'),
    window: z
      .int()
      .positive()
      .max(MOST_TAPS)
      .default(3)
      .describe('Letters that each output of a convolution sees.'),
  });

/** Of a word in running text: whoever counts operations knows no text. */
const USUAL_LETTERS = 5;

/** A layer of those that read the letters, and the places of what it stands on: −1 is the letters. */
interface Reader {
  kind: LayerKind;
  /** As the kind's schema gives them: threads that compute have no schemas. */
  options: object;
  inputs: readonly number[];
}

/** The layers that read letters, each behind those that it stands on. */
export function readersOf({ width, read, window }: z.output<ReturnType<typeof options>>): Reader[] {
  return read === 'lstm' ? recur(width) : convolve(width, window);
}

/** A convolution along the letters and of every column the largest value of their hyperbolic tangents (Ma & Hovy 2016). */
function convolve(width: number, window: number): Reader[] {
  const taps = { width: window, channels: width, padding: 'same', activation: 'tanh' };
  return [
    { kind: expand, options: {}, inputs: [-1] },
    { kind: convolution, options: taps, inputs: [0] },
    { kind: max, options: {}, inputs: [1] },
  ];
}

/** Two LSTMs, one from each end, and what each has at its last letter (Lample et al. 2016). */
function recur(width: number): Reader[] {
  if (width % 2 === 1) {
    throw new UnfitInput(
      `expected an even number beside read: lstm, half of it for each direction, got ${width}`,
      'width',
    );
  }
  const cell = {
    ...{ hiddenSize: width / 2, forgetBias: 1 },
    ...{ weightDropout: 0, layerNorm: false, initialState: 'zeros' },
  };
  return [
    { kind: expand, options: {}, inputs: [-1] },
    { kind: lstm, options: { ...cell, direction: 'forwards' }, inputs: [0] },
    { kind: lstm, options: { ...cell, direction: 'backwards' }, inputs: [0] },
    { kind: last, options: {}, inputs: [1] },
    { kind: last, options: {}, inputs: [2] },
    { kind: concatenate, options: {}, inputs: [3, 4] },
  ];
}

/**
 * How words are spelled: layers that read the letters of each distinct spelling of a batch once, as those of a network read the tokens of
 * a row. They stand on the batch of the spellings, whose rows each part has some of: forwards when all distinct letters have their vectors,
 * and back when all spellings have their gradients, after which the letters and the weights get theirs.
 */
export const letters = defineLayer({
  kind: 'letters',
  options,
  accepts: ['letters'],
  describe(given, input, { module, index }) {
    const { width } = given;
    const spells = input.spells!;
    const stream = input.stream!;
    const readers = readersOf(given);
    // There the letters are the tokens.
    const below: Signal = { per: 'distinct', width: input.width };
    const described: NetworkLayer[] = [];
    for (const { kind, options: own, inputs } of readers) {
      const signals = inputs.map((place) => described[place]?.output ?? below);
      // Both directions of LSTMs are one module of PyTorch's, its only layer.
      const name = { module, index: kind === lstm ? 0 : described.length };
      described.push(kind.describe(own, signals, name));
    }
    const inputs = readers.map((each) => each.inputs);
    return {
      output: { per: 'distinct', width, stream: spells.stream },
      reads: 'whole',
      parameters: described.flatMap(({ parameters }) => parameters),
      carried: [],
      // It is read when all spellings have their gradients.
      gradientInPlace: false,
      meetings: () => 0,
      multiplyAdds(tokens) {
        const count = tokens * Math.min(spells.most, USUAL_LETTERS);
        return described.reduce((sum, layer) => sum + layer.multiplyAdds(count, tokens), 0);
      },
      plan(heap, sizes) {
        const own = spellingSizes(sizes, stream);
        // Of this batch alone: a part goes on to the spellings of another feature, of which it has other rows, while others are at these.
        const work = new SharedBuffers();
        const layers = described.map((layer) => ({ ...layer, ...layer.plan(heap, own, work) }));
        work.allocate(heap);
        const planned: PlannedLayers = {
          ...{ layers, inputs },
          ...(sizes.training && {
            gradients: planGradients(heap, layers, inputs, own, `${module} ${index} d signal`),
          }),
        };
        return {
          values: layers.at(-1)!.values!,
          scratch: Math.max(...layers.map(({ scratch = 0 }) => scratch)),
          bind: (outer, vectors) =>
            bindReaders(outer, planned, spellingOf(sizes.shape, stream), own, vectors),
        };
      },
    };
  },
});

/**
 * @param place of the batch of spellings among those of the batch
 * @param sizes of it
 * @param vectors of the distinct letters
 */
function bindReaders(
  outer: Binding,
  planned: PlannedLayers,
  place: number,
  sizes: NetworkSizes,
  vectors: BoundSignal,
): BoundLayer {
  const view = outer.view.spellings[place]!;
  const slotPlan = outer.slotPlan.spellings[place]!;
  const { layers, top } = bindLayers({ ...outer, sizes, slotPlan, view }, planned, () => vectors);
  const readers = layers.flatMap(({ passes }, each) =>
    passes ? [{ passes, per: planned.layers[each]!.output.per }] : [],
  );
  const rowsOf = (per: Signal['per'], part: number): [number, number] =>
    per === 'row' ? view.rowsOf(part) : view.places(part);
  const forward = (part: number, count: number): void => {
    for (let each = 0; each < count; each++) {
      const { passes, per } = readers[each]!;
      if (passes.by === 'rows') passes.forward(...rowsOf(per, part));
      else finish(passes.forward(part));
    }
  };
  const bound: BoundLayer = {
    output: { value: top.value },
    spell: (part) => forward(part, readers.length),
    packs: layers.flatMap(({ packs }) => packs),
  };
  if (!outer.training) return bound;
  return {
    ...bound,
    spellBack(part, again) {
      // Gradients may take the place of what the layers have kept; where the values of the top one were they lie already.
      if (again) forward(part, readers.length - 1);
      for (let each = readers.length - 1; each >= 0; each--) {
        const { passes, per } = readers[each]!;
        if (passes.by === 'rows') passes.backward!(...rowsOf(per, part));
        else finish(passes.backward!(part));
      }
    },
    weightGradients: layers.flatMap(({ weightGradients = [] }) => weightGradients),
    distinctGradient: layers[0]!.distinctGradient!,
  };
}

/** Nobody else has the rows of a part: there is nobody to meet. */
function finish(share: Share): void {
  while (share.next().done !== true);
}
