import { crossAttend, crossAttendBackward } from '../../backend/kernels/cross-attention.js';
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
import type { Parameter } from '../weights/parameters.js';
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
import { planMemory, TokenMemory, type MemoryBuffers } from './token-memory.js';

const options = (z: Zod) =>
  z.strictObject({
    ...scoreOptions(z),
    span: z.int().positive().describe('Tokens before one that it attends to, at most.'),
  });

/**
 * Every token's sum of the tokens before it in its row, at most `span` of them, each weighed by how much it matters to it; zeros for a
 * first token, which has none. Stands on queries, keys and values, or on one signal that is several of these. Where rows go on from batch to
 * batch they bring the keys and values of their latest tokens along: a token attends to the same ones wherever rows are cut, though gradients
 * end there, as those of recurrent states do.
 */
export const selfAttention = defineAmong({
  kind: 'self-attention',
  options,
  accepts: ['token'],
  describe({ score, heads, span }, inputs, { module, index }) {
    const [queries, keys = queries, values = keys] = inputs;
    if (inputs.length > 3 || inputs.some(({ per }) => per !== 'token')) {
      throw new UnfitInput('self-attention stands on one to three signals of tokens');
    }
    expectComparable(heads, [queries, keys, values]);
    const [width, sums] = [queries.width, values.width];
    const v = scoreVector(score, module, width);
    const widths = inputs.length === 3 ? [width, sums] : [width];
    const remembered = widths.reduce((sum, each) => sum + panelsOf(each) * PANEL, 0);
    return {
      output: { per: 'token', width: sums },
      reads: 'whole',
      parameters: v ? [v] : [],
      carried: [
        { name: `${module}_${index}.before`, width: span * remembered },
        // Of how many tokens that is.
        { name: `${module}_${index}.seen`, width: 1 },
      ],
      gradientInPlace: false,
      meetings: () => 2,
      multiplyAdds: (tokens, rows) =>
        tokens * Math.min(span, tokens / Math.max(1, rows)) * (width + sums),
      plan(heap, sizes) {
        const name = `${module} ${index}`;
        const columns = heads * panelsOf(span) * PANEL;
        const buffers = {
          ...planScores(heap, name, sizes, { columns, width, v }),
          memory: planMemory(heap, name, sizes, span, widths),
          out: heap.panels(`${name} attended`, maxPlaces(sizes), sums),
        };
        return {
          values: buffers.out,
          states: buffers.memory.states,
          bind: (binding, bound, gradient) =>
            bindAttention(binding, { ...buffers, heads, v }, bound, gradient),
        };
      },
    };
  },
});

function bindAttention(
  binding: Binding,
  planned: ScoreBuffers & {
    memory: MemoryBuffers;
    out: BufferSpec;
    heads: number;
    v: Parameter | undefined;
  },
  bound: readonly BoundSignal[],
  { gradient: dOut }: BoundGradient,
): BoundLayer {
  const { backend, heap, clock } = binding;
  const [queries, ...others] = bound as [BoundSignal, ...BoundSignal[]];
  // What queries are made of, too, has their gradient already when it gets that of the memory.
  const remembered: BoundSignal[] = others.length > 0 ? others : [{ ...queries, start: 'result' }];
  const memory = new TokenMemory(binding, planned.memory, remembered);
  const pairs = { ...memory.pairs, heads: planned.heads };
  const [keys, values = keys] = memory.values;
  const [weights, out] = [heap.tensor(planned.scores), heap.tensor(planned.out)];
  const { score, bindGradients, packs, weightGradients } = bindScores(binding, planned, {
    ...{ ...pairs, queries: queries.value, keys: keys! },
  });
  const attend = backend.bind(crossAttend, { ...pairs, scores: weights, values: values!, out });
  const passes: SequencePasses = {
    by: 'sequence',
    *forward(part): Share {
      memory.remember(part);
      memory.recall(part);
      yield* meet(binding, part);
      const tokens = memory.tokensOf(part);
      score(...tokens);
      attend(...tokens);
      memory.keep(part);
      clock.lap('attention');
      yield* meet(binding, part);
    },
  };
  const layer: BoundLayer = { output: { value: out }, passes, packs };
  if (!binding.training) return layer;

  const [dKeys, dValues = dKeys] = memory.gradients;
  const unattend = backend.bind(crossAttendBackward, {
    ...{ ...pairs, weights, values: values!, dOut: dOut! },
    dScores: heap.tensor(planned.gradients!.scores),
    // Of a token that others behind it have attended to, too.
    ...{ dValues: dValues!, adds: true },
  });
  const unscore = bindGradients({
    ...{ dQueries: queries.gradient!, addsQueries: queries.start === 'result' },
    ...{ dKeys: dKeys!, addsKeys: true },
  });
  return {
    ...layer,
    passes: {
      ...passes,
      *backward(part: number): Share {
        memory.clear(part);
        yield* meet(binding, part);
        const tokens = memory.tokensOf(part);
        unattend(...tokens);
        unscore(...tokens);
        clock.lap('attention');
        yield* meet(binding, part);
        memory.handBack(part);
        clock.lap('attention');
      },
    },
    weightGradients,
  };
}
