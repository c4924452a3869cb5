import type { Pairs } from '../../backend/kernels/attention-pairs.js';
import {
  additiveBackward,
  additiveScores,
  dotBackward,
  dotScores,
} from '../../backend/kernels/cross-attention.js';
import { PANEL, type BufferSpec, type HeapPlan, type Tensor } from '../../tensor/heap.js';
import { countRows, type Binding, type RowKernel } from '../binding.js';
import { UnfitInput, type Pack } from '../layer.js';
import { packWeight, planPacked, type PackedWeight } from '../weights/packed-weight.js';
import { matrix, uniform, type Parameter } from '../weights/parameters.js';
import type { Signal } from '../signal.js';
import { maxPlaces, type NetworkSizes } from '../sizes.js';
import {
  bindWeightGradient,
  weightGradientGroup,
  type WeightGradientGroup,
} from '../weights/weight-gradients.js';
import type { Zod } from '../../zod.js';

/*
 * What layers have in common that compare tokens with others: scores of queries and keys, several heads side by side, and the vector that
 * additive ones are weighed by.
 */

export const scoreOptions = (z: Zod) => ({
  score: z
    .enum(['dot', 'additive'])
    .describe('How much a token matters to another one: q · k, or v · tanh(q + k).'),
  heads: z
    .int()
    .positive()
    .default(1)
    .describe('Parts of the vectors, each with weights of its own.'),
});

/** @throws UnfitInput for queries and keys that cannot be compared, or vectors that heads cannot divide */
export function expectComparable(
  heads: number,
  [queries, keys, values]: readonly [queries: Signal, keys: Signal, values: Signal],
): void {
  if (keys.width !== queries.width) {
    throw new UnfitInput(
      `expected queries and keys of the same width, got ${queries.width} and ${keys.width}`,
    );
  }
  const uneven = [queries, values].find(({ width }) => width % (heads * PANEL) !== 0);
  if (heads > 1 && uneven !== undefined) {
    throw new UnfitInput(
      `expected widths that ${heads} heads can divide into multiples of ${PANEL}, got ${uneven.width}`,
      'heads',
    );
  }
}

/** v of additive scores. */
export function scoreVector(
  score: 'dot' | 'additive',
  module: string,
  width: number,
): Parameter | undefined {
  if (score === 'dot') return undefined;
  return { ...matrix(`${module}.vector.weight`, [1, width], uniform(width)), decays: false };
}

export interface ScoreBuffers {
  /** [heads · panels, places, 16]: of each token a column for each that it is compared with; and their gradients in training */
  scores: BufferSpec;
  packed?: PackedWeight;
  gradients?: { scores: BufferSpec; vector?: BufferSpec; ones?: BufferSpec };
}

/**
 * @param name of the buffers
 * @param columns of the scores, those of all heads
 * @param width of the queries
 */
export function planScores(
  heap: HeapPlan,
  name: string,
  sizes: NetworkSizes,
  { columns, width, v }: { columns: number; width: number; v?: Parameter | undefined },
): ScoreBuffers {
  const panels = (what: string, wide: number): BufferSpec =>
    heap.panels(`${name} ${what}`, maxPlaces(sizes), wide);
  return {
    scores: panels('weights', columns),
    ...(v && { packed: planPacked(heap, v.name, PANEL, width) }),
    ...(sizes.training && {
      gradients: {
        scores: panels('d scores', columns),
        ...(v && { vector: panels('d vector', width), ones: panels('ones', 1) }),
      },
    }),
  };
}

/** Where gradients of queries and keys go, and whether they are added to what is there. */
interface ComparedGradients {
  dQueries: Tensor;
  addsQueries: boolean;
  dKeys: Tensor;
  addsKeys: boolean;
}

interface BoundScores {
  /** Of the tokens of some rows. */
  score: RowKernel;
  /** In training. */
  bindGradients: (to: ComparedGradients) => RowKernel;
  packs: Pack[];
  weightGradients: WeightGradientGroup[];
}

/** @param compared which tokens meet, and their vectors */
export function bindScores(
  binding: Binding,
  { scores, packed, gradients, v }: ScoreBuffers & { v?: Parameter | undefined },
  compared: Pairs & { queries: Tensor; keys: Tensor },
): BoundScores {
  const { backend, heap } = binding;
  // Its first row is v, whatever stands below it.
  const vector = packed && heap.tensor(packed.backward);
  const own = heap.tensor(scores);
  const score = vector
    ? backend.bind(additiveScores, { ...compared, vector, scores: own })
    : backend.bind(dotScores, { ...compared, scores: own });
  const trained = binding.training ? gradients : undefined;
  const dVector = trained?.vector && heap.tensor(trained.vector);
  const ones = trained?.ones && heap.tensor(trained.ones);
  return {
    score,
    bindGradients(to) {
      const operands = { ...compared, ...to, dScores: heap.tensor(trained!.scores) };
      if (!vector) return backend.bind(dotBackward, operands);
      return backend.bind(additiveBackward, {
        ...{ ...operands, vector, dVector: dVector!, ones: ones! },
      });
    },
    packs: v ? [packWeight(binding, v.name, packed!)] : [],
    weightGradients:
      v && trained
        ? [
            weightGradientGroup(
              binding,
              v.units,
              () => countRows(binding, 'token') * v.shape[1]!,
              bindWeightGradient(binding, {
                ...{ weight: v.name, dOutput: ones!, input: dVector!, per: 'token' },
                // A sum, in which each counts once: there are no products with v.
                paired: undefined,
              }),
            ),
          ]
        : [],
  };
}
