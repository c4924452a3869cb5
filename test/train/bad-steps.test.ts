import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import type { TokenStore } from '../../src/data/store/token-store.js';
import type { Tokenizer } from '../../src/data/tokenizers/tokenizer.js';
import { describeStack } from '../../src/model/graph/stack.js';
import { BadSteps } from '../../src/train/bad-steps.js';
import { createEngine, rawBatch } from '../parity/fixture.js';

const config = parseConfig('task: translate\ndata: { train: a.csv }\n', 'x.yaml');

/** A translator that has read two pairs, with 20 distinct tokens of the sources and two of the targets. */
function readPairs() {
  const layers = [{ kind: 'lstm', hiddenSize: 4 }];
  const shape = describeStack({
    ...{ vocabulary: 24, outputs: 24, embedding: { width: 3 }, layers, dropout: 0 },
    ...{ predicts: 'token', carries: false },
    encoder: { vocabulary: 24, embedding: { width: 3 }, layers, dropout: 0 },
    attention: { kind: 'none', heads: 1 },
  });
  const targets = [
    [0, 1],
    [1, 0],
  ];
  const sources = [Array.from({ length: 20 }, (_, id) => id), [3]];
  const batch = rawBatch(targets, [], targets, [], sources);
  const engine = createEngine(shape, [batch], { backend: 'reference' });
  engine.load(0, batch);
  const train = {
    ...{ rows: 2, tokens: 4, longestRow: 2, source: { tokens: 21, longestRow: 20 } },
    locate: (row: number) => Promise.resolve({ source: 0, row: row + 1 }),
    readLengths: () => Promise.resolve(),
  } as unknown as TokenStore;
  const corpus = {
    ...{ train, tokenizer: { vocabularySize: 23 } as Tokenizer, sources: ['a.csv'] },
    trainSources: [{ rows: 2, tokens: 4, weight: 1 }],
  };
  return { engine, corpus };
}

test.each([
  ['the embedding of the source', 'encoder.embedding.weight', 'that of encoder.embedding.weight'],
  ['what is behind the tokens of the batch', 'embedding.weight', 'every gradient is finite'],
])('a gradient that is not finite is told of %s', async (_, name, told) => {
  const { engine, corpus } = readPairs();
  const { squares } = engine.plan.parameters.find((each) => each.name === name)!;
  // Of the second 16 distinct tokens: the targets have two.
  engine.heap.flatDoubles(squares!)[1] = NaN;
  const notices: string[] = [];
  const steps = new BadSteps(engine, corpus, config, (event) => {
    if (event.type === 'notice') notices.push(event.message);
  });
  await steps.watch({ applied: false, lossSum: 1, gradNorm: NaN } as never, 0, 0);
  steps.check(0);
  expect(notices.join()).toContain(told);
});
