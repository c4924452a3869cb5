import type { Pairs } from '../../backend/kernels/attention-pairs.js';
import { crossAttend, crossAttendBackward } from '../../backend/kernels/cross-attention.js';
import { PANEL, panelsOf, type BufferSpec, type HeapPlan, type Tensor } from '../../tensor/heap.js';
import { meet, type Binding, type RowKernel } from '../binding.js';
import {
  defineAmong,
  UnfitInput,
  type BoundGradient,
  type BoundLayer,
  type BoundSignal,
  type LayerKind,
} from '../layer.js';
import type { Parameter } from '../weights/parameters.js';
import type { Signal } from '../signal.js';
import { maxPlaces, type NetworkSizes } from '../sizes.js';
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
export const crossAttention = attentionKind(bindRows);

/** The same token by token, of any places: for layers that go step by step. */
export const crossAttentionByPlace = attentionKind(bindPlaces, planPlaces);

/**
 * @param bind what goes over the tokens
 * @param planLists what it needs beside
 */
function attentionKind<Lists extends object>(
  bind: (
    binding: Binding,
    planned: Planned & Lists,
    bound: readonly BoundSignal[],
    gradient: BoundGradient,
  ) => BoundLayer,
  planLists: (heap: HeapPlan, name: string, sizes: NetworkSizes) => Lists = () => ({}) as Lists,
): LayerKind {
  return defineAmong({
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
          const planned = { ...buffers, ...planLists(heap, name, sizes), out, heads, v };
          return {
            values: out,
            attention: { weights: buffers.scores, heads },
            bind: (binding, bound, gradient) => bind(binding, planned, bound, gradient),
          };
        },
      };
    },
  });
}

type Planned = ScoreBuffers & { out: BufferSpec; heads: number; v: Parameter | undefined };

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

/** Rows whose sources are still in the second-level cache when they are looked at again. */
const ROWS_AT_ONCE = 16;

/** What goes over the tokens that some pairs tell, as kernels go over their rows. */
interface BoundAttention extends Pick<BoundLayer, 'output' | 'packs' | 'weightGradients'> {
  forward: RowKernel;
  backward?: RowKernel;
}

/** @param adds whether gradients of keys and values are added to what is there, whatever they begin with */
function bindAttention(
  binding: Binding,
  planned: Planned,
  pairs: Pairs,
  bound: readonly BoundSignal[],
  { gradient: dOut }: BoundGradient,
  adds = false,
): BoundAttention {
  const { backend, heap, clock, training } = binding;
  const [queries, keys, values = keys] = bound as [BoundSignal, BoundSignal, BoundSignal?];
  const [weights, out] = [heap.tensor(planned.scores), heap.tensor(planned.out)];
  const { score, bindGradients, packs, weightGradients } = bindScores(binding, planned, {
    ...{ ...pairs, queries: queries.value, keys: keys.value },
  });
  const attend = backend.bind(crossAttend, {
    ...{ ...pairs, scores: weights, values: values.value, out },
  });
  const attention: BoundAttention = {
    output: { value: out },
    packs,
    forward(row0, row1) {
      for (let row = row0; row < row1; row += ROWS_AT_ONCE) {
        const end = Math.min(row1, row + ROWS_AT_ONCE);
        score(row, end);
        attend(row, end);
      }
      clock.lap('attention');
    },
  };
  if (!training) return attention;

  const unattend = backend.bind(crossAttendBackward, {
    ...{ ...pairs, weights, values: values.value, dOut: dOut! },
    dScores: heap.tensor(planned.gradients!.scores),
    ...{ dValues: values.gradient!, adds: adds || values.start === 'result' },
  });
  const unscore = bindGradients({
    ...{ dQueries: queries.gradient!, addsQueries: queries.start === 'result' },
    // What is both has the gradient of values already.
    ...{ dKeys: keys.gradient!, addsKeys: adds || keys === values || keys.start === 'result' },
  });
  return {
    ...attention,
    weightGradients,
    backward(row0, row1) {
      unattend(row0, row1);
      unscore(row0, row1);
      clock.lap('attention');
    },
  };
}

/** Row by row, all tokens of each. */
function bindRows(
  binding: Binding,
  planned: Planned,
  bound: readonly BoundSignal[],
  gradient: BoundGradient,
): BoundLayer {
  const { heap, view, slotPlan, source, sizes } = binding;
  const pairs: Pairs = {
    ...{ ...rowPlaces(binding), source: rowPlaces(source!), heads: planned.heads },
    ...(sizes.shape.carries && { sourceRow: heap.indices(slotPlan.sourceRow) }),
  };
  const { forward, backward, ...attention } = bindAttention(
    binding,
    planned,
    pairs,
    bound,
    gradient,
  );
  const run = (kernel: RowKernel) =>
    function* (part: number): Share {
      yield* meet(binding, part);
      kernel(...view.rowsOf(part));
      yield* meet(binding, part);
    };
  return {
    ...attention,
    passes: {
      by: 'sequence',
      forward: run(forward),
      ...(backward && { backward: run(backward) }),
    },
  };
}

/** [places + 1], [places] and [places]: each place as a row of its own, and the row of the source that it attends to. */
interface PlaceLists {
  numbers: BufferSpec;
  places: BufferSpec;
  sources: BufferSpec;
}

function planPlaces(heap: HeapPlan, name: string, sizes: NetworkSizes): PlaceLists {
  const count = maxPlaces(sizes);
  return {
    numbers: heap.indices(`${name} numbers`, count + 1),
    places: heap.indices(`${name} places`, count),
    sources: heap.indices(`${name} sources`, count),
  };
}

/** Places [place0, place1) at a time, each a row of its own to the kernels. */
function bindPlaces(
  binding: Binding,
  planned: Planned & PlaceLists,
  bound: readonly BoundSignal[],
  gradient: BoundGradient,
): BoundLayer {
  const { heap, view, slotPlan, source, sizes } = binding;
  const own = {
    rowStart: heap.flatIndices(slotPlan.rowStart),
    tokenPlaces: heap.flatIndices(slotPlan.tokenPlaces),
    sourceRow: heap.flatIndices(slotPlan.sourceRow),
  };
  const lists = {
    numbers: heap.flatIndices(planned.numbers),
    places: heap.flatIndices(planned.places),
    sources: heap.flatIndices(planned.sources),
  };
  const pairs: Pairs = {
    rowStart: heap.indices(planned.numbers),
    tokenPlaces: heap.indices(planned.places),
    ...{ source: rowPlaces(source!), sourceRow: heap.indices(planned.sources) },
    heads: planned.heads,
  };
  const { forward, backward, ...attention } = bindAttention(
    binding,
    planned,
    pairs,
    bound,
    gradient,
    true,
  );
  // Several tokens add to the gradient of one of the source.
  const begun = bound
    .slice(1)
    .flatMap(({ gradient: to, start }) => (to && start === 'zero' ? [to] : []));
  return {
    ...attention,
    passes: {
      by: 'rows',
      forward,
      ...(backward && { backward }),
      begin(part) {
        const [row0, row1] = view.rowsOf(part);
        for (let row = row0; row < row1; row++) {
          for (let token = own.rowStart[row]!; token < own.rowStart[row + 1]!; token++) {
            const place = own.tokenPlaces[token]!;
            lists.numbers[place] = place;
            lists.numbers[place + 1] = place + 1;
            lists.places[place] = place;
            lists.sources[place] = sizes.shape.carries ? own.sourceRow[row]! : row;
          }
        }
      },
      beginBackward(part) {
        for (const to of begun) clearRows(to, ...source!.view.places(part));
      },
    },
  };
}

/** Zeros in some rows of a panel matrix. */
function clearRows({ data, offset, shape, stride }: Tensor, row0: number, row1: number): void {
  for (let panel = 0; panel < shape[0]!; panel++) {
    const at = offset + panel * stride[0]!;
    data.fill(0, at + row0 * PANEL, at + row1 * PANEL);
  }
}
