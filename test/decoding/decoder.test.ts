import { expect, it } from 'vitest';
import { SLOT, type NetworkSizes } from '../../src/model/sizes.js';
import type { NetworkShape } from '../../src/model/graph/shape.js';
import { foldAttention } from '../../src/model/graph/folded-attention.js';
import { describeStack, type Stack } from '../../src/model/graph/stack.js';
import { Engine } from '../../src/compute/engine.js';
import { allocateEngine } from '../../src/compute/allocate-engine.js';
import { createLocalRunner } from '../../src/compute/runner.js';
import { checkOptimizer } from '../../src/optimizers/check.js';
import { Decoder } from '../../src/decoding/decoder.js';
import type { RankedTokens } from '../../src/decoding/search.js';
import { onEachBackend, rawBatch } from '../parity/fixture.js';

const vocabulary = 21;
const sources = [[3, 1, 4, 1, 5], [9], [2, 6, 5, 3, 5, 8, 9, 7, 9], [3, 2, 3]];
/** What is read of each text, and which text of the step before each goes on from. */
const steps = [
  { tokens: [20, 20, 20, 20], parents: [0, 1, 2, 3], sentences: [0, 1, 2, 3] },
  { tokens: [5, 6, 5, 9, 1, 7], parents: [0, 0, 2, 1, 3, 3], sentences: [0, 0, 2, 1, 3, 3] },
  { tokens: [1, 2, 3, 4, 5, 5], parents: [1, 1, 2, 3, 5, 4], sentences: [0, 0, 2, 1, 3, 3] },
  { tokens: [8, 8], parents: [2, 0], sentences: [2, 0] },
];
/** The same of sentences of which some wait after the first step. */
const stepsWithWaiting = [
  steps[0]!,
  { tokens: [5, 6, 1], parents: [0, 0, 3], sentences: [0, 0, 3] },
  { tokens: [4, 3, 2, 9], parents: [1, 0, 2, 2], sentences: [0, 0, 2, 2] },
  { tokens: [8, 7, 7, 3], parents: [3, 1, 1, 2], sentences: [2, 1, 1, 2] },
];
const walks = { 'all go on': steps, 'some wait': stepsWithWaiting };

const stacks: Record<string, Partial<Stack>> = {
  'general attention over two directions': {},
  'additive attention, two heads, units': {
    attention: { kind: 'additive', heads: 2, width: 32 },
    encoder: {
      ...{ vocabulary: 11, embedding: { width: 7 }, dropout: 0 },
      layers: [{ kind: 'lstm', hiddenSize: 16, direction: 'both' }],
    },
    layers: [{ kind: 'gru', hiddenSize: 32 }],
  },
  'no attention, two layers': {
    attention: { kind: 'none', heads: 1 },
    layers: [
      { kind: 'lstm', hiddenSize: 20 },
      { kind: 'lstm', hiddenSize: 9 },
    ],
  },
  'zeros to begin with': { bridge: 'zeros' },
  'input feeding': { attention: { kind: 'general', heads: 1, inputFeeding: true } },
  'input feeding below another layer, two heads': {
    attention: { kind: 'additive', heads: 2, width: 32, after: 2, inputFeeding: true },
    encoder: {
      ...{ vocabulary: 11, embedding: { width: 7 }, dropout: 0 },
      layers: [{ kind: 'gru', hiddenSize: 32 }],
    },
    layers: [
      { kind: 'lstm', hiddenSize: 20 },
      { kind: 'gru', hiddenSize: 12, reset: 'before' },
      { kind: 'rnn', hiddenSize: 9 },
    ],
  },
};

/** As decoders have it. */
function shapeOf(stack: Partial<Stack>, carries: boolean): NetworkShape {
  const shape = describeStack({
    ...{ vocabulary, outputs: vocabulary, dropout: 0, predicts: 'token', carries },
    embedding: { width: 10 },
    encoder: {
      ...{ vocabulary: 11, embedding: { width: 7 }, dropout: 0 },
      layers: [{ kind: 'lstm', hiddenSize: 12, direction: 'both' }],
    },
    attention: { kind: 'general', heads: 1 },
    layers: [{ kind: 'lstm', hiddenSize: 20 }],
    ...stack,
  });
  return foldAttention(shape).shape;
}

const divisions = [
  { parts: 1, teams: 1 },
  { parts: 3, teams: 3 },
  { parts: 3, teams: 1 },
];

interface Read {
  probabilities: number[] | undefined;
  ranked: readonly { id: number; probability: number }[];
  attention: number[] | undefined;
}

function firstRanked({ ids, probabilities, startOf }: RankedTokens, row: number, count: number) {
  const start = startOf(row);
  return Array.from({ length: count }, (_, rank) => ({
    ...{ id: ids[start + rank]!, probability: probabilities[start + rank]! },
  }));
}

/**
 * By what share of it what is told of a row may differ from what a text read as a whole has: what several texts go on from is multiplied with W_hh once, and added as a
 * whole to what comes from the token.
 */
const MOST_APART = 1e-6;

/** The largest difference of two lists of numbers above 0, as a share of the expected one. */
function apart(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length);
  const shares = Array.from(found, (value, i) => Math.abs(value - expected[i]!) / expected[i]!);
  return Math.max(...shares);
}

/** What is told of every row in every step. */
async function goThrough(decoder: Decoder, walk: typeof steps, needsAll = true): Promise<Read[][]> {
  const found: Read[][] = [];
  for (const [step, { tokens, parents, sentences }] of walk.entries()) {
    const rows = tokens.map((token, row) => {
      return { token, parent: parents[row]!, sentence: sentences[row]! };
    });
    const later = new Set(walk.slice(step + 1).flatMap((each) => each.sentences));
    const next = await decoder.step(
      rows,
      [...later].filter((sentence) => !sentences.includes(sentence)),
      needsAll,
    );
    found.push(
      rows.map((_, row) => ({
        probabilities: next.probabilities && [...next.probabilities(row)],
        ranked: firstRanked(next.ranked!, row, 6),
        attention: next.attention && [...next.attention(row)],
      })),
    );
  }
  return found;
}

onEachBackend('goes on with texts', (backend) => {
  const createEngine = async (
    shape: NetworkShape,
    { parts, teams }: { parts: number; teams: number },
    most: Pick<NetworkSizes, 'maxRows' | 'maxTokens' | 'maxSteps' | 'precision'>,
  ): Promise<Engine> => {
    const handle = allocateEngine(backend, {
      ...{ shape, parts, teams, shards: 4, seed: 3, training: false, ...most },
      optimizer: checkOptimizer('sgd'),
      source: { maxTokens: 64, maxSteps: 9 },
    });
    const engine = new Engine(handle, createLocalRunner(handle));
    await engine.initialize(3);
    return engine;
  };

  const cases = Object.entries(stacks).flatMap(([name, stack]) =>
    Object.entries(walks).map(([who, walk]) => ({ name, who, stack, walk })),
  );
  it.each(cases)(
    'as if each had been read from its beginning, on any number of workers: $name, $who',
    async ({ stack, walk }) => {
      const found: Read[][][] = [];
      // One after the other: a thread has the kernels at one heap at a time.
      for (const division of divisions) {
        const sizes = { maxRows: 8, maxTokens: 8, maxSteps: 1 };
        const engine = await createEngine(shapeOf(stack, true), division, sizes);
        found.push(await goThrough(new Decoder(engine, sources), walk));
      }
      expect(found[1]).toEqual(found[0]);
      expect(found[2]).toEqual(found[0]);
      const whole = await createEngine(shapeOf(stack, false), divisions[0]!, {
        ...{ maxRows: 8, maxTokens: 64, maxSteps: 8 },
      });
      // By sentence: what its rows have read, in the last step in which it took part.
      const last = sources.map((_, sentence) => new Map([[sentence, [] as number[]]]));
      for (const [step, { tokens, parents, sentences }] of walk.entries()) {
        const texts = tokens.map((token, row) => [
          ...last[sentences[row]!]!.get(parents[row]!)!,
          token,
        ]);
        for (const sentence of sentences) last[sentence] = new Map();
        texts.forEach((text, row) => last[sentences[row]!]!.set(row, text));
        const read = sentences.map((sentence) => sources[sentence]!);
        whole.load(SLOT.prediction, rawBatch(texts, [], texts, [], read));
        await whole.predict(SLOT.prediction);
        const { rowSource, rowStart, tokenPlaces } = whole.layout(SLOT.prediction);
        tokens.forEach((_, row) => {
          const place = tokenPlaces[rowStart[rowSource.indexOf(row) + 1]! - 1]!;
          const probabilities = new Float32Array(vocabulary);
          whole.probabilities(place, probabilities);
          const own = found[0]![step]![row]!;
          // What goes step by step does so in texts that are read as a whole, too.
          const isFed = stack.attention?.inputFeeding === true && !stack.attention.after;
          const most = step === 0 || isFed ? 0 : MOST_APART;
          expect(apart(own.probabilities!, probabilities)).toBeLessThanOrEqual(most);
          if (stack.attention?.kind === 'none') {
            expect(own.attention).toBeUndefined();
            return;
          }
          const heads = Array.from({ length: stack.attention?.heads ?? 1 }, (_, head) =>
            whole.attention(place, head, new Float32Array(read[row]!.length)),
          );
          const [first, second = first] = heads;
          const mean = first!.map((share, i) => Math.fround(share + second![i]!) / 2);
          expect(apart(own.attention!, mean)).toBeLessThanOrEqual(most);
        });
      }
    },
  );

  it('in bfloat16 with the same bits on any number of workers', async () => {
    const found: Read[][][] = [];
    for (const division of divisions) {
      const sizes = { maxRows: 8, maxTokens: 8, maxSteps: 1, precision: 'bfloat16' } as const;
      const engine = await createEngine(shapeOf({}, true), division, sizes);
      found.push(await goThrough(new Decoder(engine, sources), steps));
    }
    expect(found[1]).toEqual(found[0]);
    expect(found[2]).toEqual(found[0]);
  });

  it('with the likeliest of what follows alone, where nobody needs all', async () => {
    const found: Read[][][] = [];
    for (const needsAll of [true, false]) {
      const sizes = { maxRows: 8, maxTokens: 8, maxSteps: 1 };
      const engine = await createEngine(shapeOf({}, true), divisions[1]!, sizes);
      found.push(await goThrough(new Decoder(engine, sources), steps, needsAll));
    }
    const [all, few] = found.map((each) => each.flat());
    for (const [row, { probabilities, ranked }] of all!.entries()) {
      const ids = Array.from(probabilities!.keys());
      ids.sort((a, b) => probabilities![b]! - probabilities![a]! || a - b);
      const expected = ids.slice(0, 6).map((id) => ({ id, probability: probabilities![id]! }));
      const rounded = ranked.map(({ id, probability }) => ({
        id,
        probability: Math.fround(probability),
      }));
      expect(rounded).toEqual(expected);
      expect(few![row]!.ranked).toEqual(ranked);
      // In the first step, in which sources are read, all are told anyway.
      if (row >= steps[0]!.tokens.length) expect(few![row]!.probabilities).toBeUndefined();
    }
  });
});
