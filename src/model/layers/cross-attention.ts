import {
  crossAttend,
  crossAttendBackward,
  type Pairs,
} from '../../backend/kernels/cross-attention.js';
import { PANEL, panelsOf, type BufferSpec } from '../../tensor/heap.js';
import { meet, type Binding } from '../binding.js';
import {
  defineAmong,
  UnfitInput,
  type BoundGradient,
  type BoundLayer,
  type BoundSignal,
  type SequencePasses,
} from '../layer.js';
import type { Parameter } from '../parameters.js';
import type { Signal } from '../signal.js';
import { maxPlaces } from '../sizes.js';
import type { Share } from '../work/teams.js';
import type { Zod } from '../../zod.js';
import {
  bindScores,
  expectComparable,
  planScores,
  scoreOptions,
  scoreVector,
  type ScoreBuffers,
} from './attention-scores.js';
import { rowPlaces } from './pooling.js';

const options = (z: Zod) => z.strictObject(scoreOptions(z));

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
    const { queries, keys, values } = expectCrossing(inputs);
    expectComparable(heads, [queries, keys, values]);
    const [width, sums] = [queries.width, values.width];
    const v = scoreVector(score, module, width);
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
        const columns = heads * panelsOf(sizes.source!.maxSteps) * PANEL;
        const buffers = planScores(heap, name, sizes, { columns, width, v });
        const out = heap.panels(`${name} attended`, maxPlaces(sizes), sums);
        return {
          values: out,
          attention: { weights: buffers.scores, heads },
          bind: (binding, bound, gradient) =>
            bindAttention(binding, { ...buffers, out, heads, v }, bound, gradient),
        };
      },
    };
  },
});

/** @throws UnfitInput for inputs that do not belong together */
function expectCrossing([queries, ...others]: readonly [Signal, ...Signal[]]): {
  queries: Signal;
  keys: Signal;
  values: Signal;
} {
  const [keys, values = keys] = others;
  const isFit =
    queries.of === undefined && others.every(({ per, of }) => per === 'token' && of === 'source');
  if (!isFit || !keys || others.length > 2) {
    throw new UnfitInput(
      'cross-attention stands on tokens, and on one or two signals of those of the source',
    );
  }
  return { queries, keys, values: values! };
}

function bindAttention(
  binding: Binding,
  planned: ScoreBuffers & { out: BufferSpec; heads: number; v: Parameter | undefined },
  bound: readonly BoundSignal[],
  { gradient: dOut }: BoundGradient,
): BoundLayer {
  const { backend, heap, view, clock, source } = binding;
  const [queries, keys, values = keys] = bound as [BoundSignal, BoundSignal, BoundSignal?];
  const pairs: Pairs = {
    ...{ ...rowPlaces(binding), source: rowPlaces(source!), heads: planned.heads },
    ...(binding.sizes.shape.carries && { sourceRow: heap.indices(binding.slotPlan.sourceRow) }),
  };
  const [weights, out] = [heap.tensor(planned.scores), heap.tensor(planned.out)];
  const { score, bindGradients, packs, weightGradients } = bindScores(binding, planned, {
    ...{ ...pairs, queries: queries.value, keys: keys.value },
  });
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
  const layer: BoundLayer = { output: { value: out }, passes, packs };
  if (!binding.training) return layer;

  const unattend = backend.bind(crossAttendBackward, {
    ...{ ...pairs, weights, values: values.value, dOut: dOut! },
    dScores: heap.tensor(planned.gradients!.scores),
    ...{ dValues: values.gradient!, adds: values.start === 'result' },
  });
  const unscore = bindGradients({
    ...{ dQueries: queries.gradient!, addsQueries: queries.start === 'result' },
    // What is both has the gradient of values already.
    ...{ dKeys: keys.gradient!, addsKeys: keys === values || keys.start === 'result' },
  });
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
    weightGradients,
  };
}
