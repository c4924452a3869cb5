import { describe, expect, it } from 'vitest';
import { chooseBackend } from '../../src/backend/select.js';
import { describeStack, type Stack } from '../../src/model/graph/stack.js';
import { tries } from '../effort.js';
import { rawBatch } from '../parity/fixture.js';
import { createDisturbedRunner } from './disturbed-runner.js';
import { ALONE, differingBits, evaluate, farthest, start, trainSteps } from './network-runs.js';
import { diceOf, type Case, type Division } from './random-networks.js';
import { compareGradients } from './true-gradients.js';

/*
 * Stacks whose parts meet where no drawn network has them: layers of several kinds within input feeding, attention between layers, weights
 * that several of these share, memories of another length than rows.
 */

const compiled = chooseBackend('auto');

const VOCABULARY = 9;
const ROWS = 5;
const STEPS = 3;
const MOST_TOKENS = 8;

/** Of float32 beside float64 (see random-networks.test.ts); deeper stacks than drawn ones, whose dropout makes larger values. */
const TOLERANCE = 5e-5;

/** How work is divided: the first of these usually, all in a long run. */
const DIVISIONS = [
  { parts: 3, teams: 1 },
  { parts: 7, teams: 2 },
  { parts: 4, teams: 4 },
  { parts: 3, teams: 2 },
  { parts: 2, teams: 1 },
].slice(0, tries(3));

type Attending = Pick<Stack, 'embedding' | 'encoder' | 'layers' | 'attention' | 'bridge'>;

const encoderOf = (
  embedding: Readonly<Record<string, unknown>>,
  hiddenSize: number,
): NonNullable<Stack['encoder']> => ({
  ...{ vocabulary: VOCABULARY, embedding, dropout: 0.1 },
  layers: [{ kind: 'gru', hiddenSize, direction: 'both' }],
});

const residual = (layer: Stack['layers'][number]) => ({
  kind: 'residual' as const,
  layers: [layer],
});

const stacks: Record<string, Attending> = {
  'input feeding of a normalized LSTM, a residual GRU, a dense layer and layer normalization': {
    encoder: encoderOf({ width: 6, tied: true }, 5),
    embedding: { width: 6, tied: true, dropout: 0.2 },
    layers: [
      { kind: 'lstm', hiddenSize: 20, layerNorm: true, weightDropout: 0.3 },
      residual({ kind: 'gru', hiddenSize: 20, reset: 'before' }),
      { kind: 'dense', width: 10, activation: 'tanh' },
      { kind: 'layer-norm' },
    ],
    attention: { kind: 'additive', heads: 1, width: 6, inputFeeding: true },
  },
  'input feeding of two layers of three, of which one has a learned initial state': {
    encoder: encoderOf({ width: 6 }, 8),
    embedding: { width: 6, tied: true },
    bridge: 'zeros',
    layers: [
      { kind: 'dropout', rate: 0.2, over: 'features' },
      { kind: 'lstm', hiddenSize: 20, initialState: 'learned' },
      { kind: 'rnn', hiddenSize: 6 },
    ],
    attention: { kind: 'general', heads: 1, width: 17, after: 2, inputFeeding: true },
  },
  'input feeding of a dense layer alone, with two heads': {
    encoder: encoderOf({ width: 6, tied: true }, 16),
    embedding: { width: 6 },
    bridge: 'zeros',
    layers: [{ kind: 'dense', width: 32, activation: 'tanh' }],
    attention: { kind: 'dot', heads: 2, inputFeeding: true },
  },
  'one weight of source, target and head, with attention between layers': {
    encoder: encoderOf({ width: 6, tied: true }, 4),
    embedding: { width: 6, tied: true },
    layers: [
      residual({ kind: 'dense', width: 6, activation: 'tanh' }),
      { kind: 'gru', hiddenSize: 6 },
    ],
    attention: { kind: 'general', heads: 1, after: 1 },
  },
  'a language model with additive attention between layers, to few tokens': {
    embedding: { width: 6, tied: true },
    layers: [
      { kind: 'lstm', hiddenSize: 32, initialState: 'learned' },
      { kind: 'gru', hiddenSize: 6 },
    ],
    attention: { kind: 'additive', heads: 2, width: 32, span: 3, after: 1 },
  },
  'a language model whose attention stands on distinct tokens, to more than two batches have': {
    embedding: { width: 6 },
    layers: [{ kind: 'dense', width: 7, activation: 'tanh' }],
    attention: { kind: 'dot', heads: 1, span: 18 },
  },
  'a language model with attention on a residual layer': {
    embedding: { width: 16 },
    layers: [residual({ kind: 'lstm', hiddenSize: 16 }), { kind: 'gru', hiddenSize: 6 }],
    attention: { kind: 'general', heads: 1, span: 5, after: 1, width: 16 },
  },
};

/** A stack with batches of drawn rows. */
function caseOf(stack: Attending, seed: number): Case {
  const dice = diceOf(seed * 77);
  const carries = stack.encoder === undefined;
  const shape = describeStack({
    ...{ vocabulary: VOCABULARY, outputs: VOCABULARY, predicts: 'token', carries, dropout: 0.2 },
    ...stack,
  });
  const draw = (most: number): number[] =>
    Array.from({ length: 1 + dice(most) }, () => dice(VOCABULARY));
  const batches = Array.from({ length: STEPS }, () => {
    const rows = Array.from({ length: ROWS }, () => draw(MOST_TOKENS - 1));
    const sources = rows.map(() => draw(MOST_TOKENS));
    const targets = rows.map((row) => row.map(() => dice(VOCABULARY)));
    return rawBatch(rows, [], targets, [], carries ? undefined : sources);
  });
  return { shape, batches, divisions: [], seed };
}

const seeds = Array.from({ length: tries(1) }, (_, number) => number + 1);

describe.for(Object.entries(stacks))('%s', ([, stack]) => {
  it.for(seeds)(
    'trains and predicts to the same bits however its work is divided (seed %i)',
    async (seed) => {
      const drawn = caseOf(stack, seed);
      const outcomeOf = async (running: Awaited<ReturnType<typeof start>>) =>
        new Map([...(await trainSteps(running)), ...(await evaluate(running))]);
      const expected = await outcomeOf(await start(drawn, compiled.kind, ALONE));
      for (const { parts, teams } of DIVISIONS) {
        const bounds = Float64Array.from({ length: parts + 1 }, (_, part) => part / parts);
        const division: Division = { parts, teams, bounds };
        const divided = await start(drawn, compiled.kind, division, (handle) =>
          createDisturbedRunner(handle, { seed: 5 * seed + parts, deaths: 3 }),
        );
        const where = `${parts} parts, ${teams} teams`;
        expect(differingBits(await outcomeOf(divided), expected), where).toBeUndefined();
      }
    },
  );

  it.for(seeds)(
    'has the values of float64, and its gradients are what finite differences say (seed %i)',
    async (seed) => {
      const drawn = caseOf(stack, seed);
      const single = await start(drawn, compiled.kind, ALONE);
      const double = await start(drawn, 'reference', ALONE);
      const { name, distance } = farthest(await trainSteps(single), await trainSteps(double));
      expect(distance, name).toBeLessThan(TOLERANCE);
      await compareGradients(double, drawn);
    },
  );
});
