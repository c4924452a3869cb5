import {
  additiveBackward,
  additiveScores,
  crossAttend,
  crossAttendBackward,
  dotBackward,
  dotScores,
  type Pairs,
} from '../../backend/kernels/cross-attention.js';
import { PANEL, panelsOf, type BufferSpec, type HeapPlan } from '../../tensor/heap.js';
import {
  bindWeightGradient,
  countRows,
  meet,
  weightGradientGroup,
  type Binding,
  type RowKernel,
} from '../binding.js';
import {
  defineAmong,
  UnfitInput,
  type BoundGradient,
  type BoundLayer,
  type BoundSignal,
  type SequencePasses,
} from '../layer.js';
import { packWeight, planPacked, type PackedWeight } from '../packed-weight.js';
import { matrix, uniform, type Parameter } from '../parameters.js';
import type { Signal } from '../signal.js';
import { maxPlaces, type NetworkSizes } from '../sizes.js';
import type { Share } from '../work/teams.js';
import type { Zod } from '../../zod.js';
import { rowPlaces } from './pooling.js';

const options = (z: Zod) =>
  z.strictObject({
    score: z
      .enum(['dot', 'additive'])
      .describe(
        'How much a token of the source matters to one of the row: q · k, or v · tanh(q + k).',
      ),
    heads: z
      .int()
      .positive()
      .default(1)
      .describe('Parts of the vectors, each with weights of its own.'),
  });

/**
 * Every token's sum of the tokens of its source, each weighed by how much it matters to it: stands on queries, one a token, and of the
 * source's tokens on keys and values, or on what is both. What is made of either before, and of queries and sums behind, are layers of
 * their own: with a dense one for the queries it is the `general` attention of Luong et al. (2015), with one for the keys, too, that of
 * Bahdanau et al. (2015).
 */
export const crossAttention = defineAmong({
  kind: 'cross-attention',
  options,
  accepts: ['token'],
  crosses: true,
  describe({ score, heads }, inputs, { module, index }) {
    const [queries, keys, values = keys] = inputs;
    expectFitting(heads, inputs);
    const [width, sums] = [queries.width, values!.width];
    const v =
      score === 'additive'
        ? { ...matrix(`${module}.vector.weight`, [1, width], uniform(width)), decays: false }
        : undefined;
    const name = `${module} ${index}`;
    return {
      output: { per: 'token', width: sums },
      reads: 'whole',
      parameters: v ? [v] : [],
      carried: [],
      gradientInPlace: false,
      // It reads what others have computed, and they what it leaves at theirs.
      meetings: () => 2,
      // Sources are as long as their rows, where nobody knows better.
      multiplyAdds: (tokens, rows) => (tokens * tokens * (width + sums)) / Math.max(1, rows),
      plan(heap, sizes) {
        const buffers = planBuffers(heap, name, sizes, { heads, width, sums, v });
        return {
          values: buffers.out,
          attention: { weights: buffers.scores, heads },
          bind: (binding, bound, gradient) =>
            bindAttention(binding, { ...buffers, heads, ...(v && { v }) }, bound, gradient),
        };
      },
    };
  },
});

/** @throws UnfitInput for inputs that do not belong together */
function expectFitting(heads: number, [queries, ...others]: readonly [Signal, ...Signal[]]): void {
  const isFit =
    queries.of === undefined && others.every(({ per, of }) => per === 'token' && of === 'source');
  if (!isFit || others.length < 1 || others.length > 2) {
    throw new UnfitInput(
      'cross-attention stands on tokens, and on one or two signals of those of the source',
    );
  }
  const [keys] = others;
  if (keys!.width !== queries.width) {
    throw new UnfitInput(
      `expected queries and keys of the same width, got ${queries.width} and ${keys!.width}`,
    );
  }
  const widths = [queries, ...others].map(({ width }) => width);
  const uneven = widths.find((width) => width % (heads * PANEL) !== 0);
  if (heads > 1 && uneven !== undefined) {
    throw new UnfitInput(
      `expected widths that ${heads} heads can divide into multiples of ${PANEL}, got ${uneven}`,
      'heads',
    );
  }
}

interface Buffers {
  scores: BufferSpec;
  out: BufferSpec;
  packed?: PackedWeight;
  gradients?: { scores: BufferSpec; vector?: BufferSpec; ones?: BufferSpec };
}

function planBuffers(
  heap: HeapPlan,
  name: string,
  sizes: NetworkSizes,
  {
    heads,
    width,
    sums,
    v,
  }: { heads: number; width: number; sums: number; v?: Parameter | undefined },
): Buffers {
  const places = maxPlaces(sizes);
  const columns = heads * panelsOf(sizes.source!.maxSteps) * PANEL;
  const panels = (what: string, wide: number): BufferSpec =>
    heap.panels(`${name} ${what}`, places, wide);
  return {
    scores: panels('weights', columns),
    out: panels('attended', sums),
    ...(v && { packed: planPacked(heap, v.name, PANEL, width) }),
    ...(sizes.training && {
      gradients: {
        scores: panels('d scores', columns),
        ...(v && { vector: panels('d vector', width), ones: panels('ones', 1) }),
      },
    }),
  };
}

function bindAttention(
  binding: Binding,
  planned: Buffers & { heads: number; v?: Parameter },
  bound: readonly BoundSignal[],
  { gradient: dOut }: BoundGradient,
): BoundLayer {
  const { backend, heap, view, clock, source } = binding;
  const { heads, v, packed } = planned;
  const [queries, keys, values = keys] = bound as [BoundSignal, BoundSignal, BoundSignal?];
  const pairs: Pairs = {
    ...{ ...rowPlaces(binding), source: rowPlaces(source!), heads },
    ...(binding.sizes.shape.carries && { sourceRow: heap.indices(binding.slotPlan.sourceRow) }),
  };
  const [weights, out] = [heap.tensor(planned.scores), heap.tensor(planned.out)];
  const operands = { ...pairs, queries: queries.value, keys: keys.value };
  // Its first row is v, whatever stands below it.
  const vector = packed && heap.tensor(packed.backward);
  const score = vector
    ? backend.bind(additiveScores, { ...operands, vector, scores: weights })
    : backend.bind(dotScores, { ...operands, scores: weights });
  const attend = backend.bind(crossAttend, {
    ...{ ...pairs, scores: weights, values: values.value, out },
  });
  const passes: SequencePasses = {
    by: 'sequence',
    *forward(part): Share {
      yield* meet(binding, part);
      const rows = view.rowsOf(part);
      score(...rows);
      attend(...rows);
      clock.lap('attention');
      yield* meet(binding, part);
    },
  };
  const layer: BoundLayer = {
    output: { value: out },
    passes,
    packs: v ? [packWeight(binding, v.name, packed!)] : [],
  };
  const trained = binding.training ? planned.gradients : undefined;
  if (!trained) return layer;

  const dScores = heap.tensor(trained.scores);
  const unattend = backend.bind(crossAttendBackward, {
    ...{ ...pairs, weights, values: values.value, dOut: dOut!, dScores },
    ...{ dValues: values.gradient!, adds: values.start === 'result' },
  });
  const gradients = {
    ...{ dScores, dQueries: queries.gradient!, addsQueries: queries.start === 'result' },
    // What is both has the gradient of values already.
    ...{ dKeys: keys.gradient!, addsKeys: keys === values || keys.start === 'result' },
  };
  const dVector = trained.vector && heap.tensor(trained.vector);
  const ones = trained.ones && heap.tensor(trained.ones);
  const unscore: RowKernel = vector
    ? backend.bind(additiveBackward, {
        ...{ ...operands, ...gradients, vector, dVector: dVector!, ones: ones! },
      })
    : backend.bind(dotBackward, { ...operands, ...gradients });
  return {
    ...layer,
    passes: {
      ...passes,
      *backward(part: number): Share {
        yield* meet(binding, part);
        const rows = view.rowsOf(part);
        unattend(...rows);
        unscore(...rows);
        clock.lap('attention');
        yield* meet(binding, part);
      },
    },
    ...(v && {
      weightGradients: [
        weightGradientGroup(
          binding,
          v.units,
          () => countRows(binding, 'token') * v.shape[1]!,
          bindWeightGradient(binding, {
            ...{ weight: v.name, dOutput: ones!, input: dVector!, per: 'token' },
          }),
        ),
      ],
    }),
  };
}
