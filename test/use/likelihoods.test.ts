import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readState } from '../../src/checkpoint/run-state.js';
import { readWeights } from '../../src/checkpoint/weights.js';
import { describeNetwork } from '../../src/model/graph/describe.js';
import { networkShape } from '../../src/compute/sizes.js';
import { loadConfig } from '../../src/config/load.js';
import { RowEncoder } from '../../src/data/batches/encode-row.js';
import { train } from '../../src/train/run.js';
import type { Likelihood, Scorable, TrainedModel } from '../../src/train/trained-model.js';
import { ModelEngine } from '../../src/use/model-engine.js';
import { openModel } from '../../src/use/model-file.js';
import { RowBatches } from '../../src/use/row-batches.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { trainSmall } from '../faults/small-run.js';

const cwd = makeWorkplace();
const languageModel = join(cwd, 'lm');
const classifier = join(cwd, 'classifier');

const tagged = (loss: string): string => `task: tag
data: { train: ${join(cwd, 'tags.conll')}, validation: 0.2, maxLength: 6, storeDir: ${join(cwd, 'stores')}, tokenizer: { kind: word, minCount: 1 } }
model: { embedding: 6, layers: [{ cell: lstm, hiddenSize: 7, direction: both }] }
train: { batchSize: 8, epochs: 2, loss: { kind: ${loss} } }
`;

beforeAll(async () => {
  expect((await trainSmall(cwd, 'classifier', { runDir: classifier })).error).toBeUndefined();
  const { error } = await trainSmall(cwd, 'language-model', { runDir: languageModel });
  expect(error).toBeUndefined();
  const sentences = Array.from({ length: 40 }, (_, i) =>
    ['anna', 'went', 'to', 'rome']
      .slice(i % 3)
      .map((word) => `${word} ${{ anna: 'P', rome: 'L' }[word] ?? 'O'}\n`)
      .join(''),
  );
  writeFileSync(join(cwd, 'tags.conll'), sentences.join('\n'));
  for (const loss of ['softmax', 'crf']) {
    const file = join(cwd, `${loss}.yaml`);
    writeFileSync(file, tagged(loss));
    await train(await loadConfig(file), {
      ...{ runDir: join(cwd, loss), resume: false, listener: () => undefined },
    });
  }
});

async function withModel<T>(
  run: string,
  use: (model: TrainedModel) => Promise<T>,
  workers = 2,
): Promise<T> {
  const model = await openModel(run, { workers });
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

const texts = Array.from(
  { length: 130 },
  (_, i) => ['the sea', '', 'a ruby is', 'very zäh!', 'moss '.repeat(i % 23)][i % 5]!,
);

/** ln p of each next token, from what is predicted behind every beginning, each read from its start. */
async function predictTokens(model: TrainedModel, tokens: readonly number[]): Promise<number[]> {
  const { vocabularySize } = model.tokenizer;
  const shape = networkShape(model.config, vocabularySize, []);
  const { parameters } = describeNetwork(shape);
  const state = await readState(model.checkpoint);
  const weights = await readWeights(model.checkpoint, state, parameters);
  const engine = new ModelEngine(model.config, shape, weights);
  try {
    const found = tokens.slice(1).map(() => new Float32Array(vocabularySize));
    await new RowBatches(engine).compute({
      count: found.length,
      encode: (row) => ({ tokens: tokens.slice(0, row + 1), features: [] }),
      placeFor: (row) => found[row]!,
    });
    return found.map((probabilities, row) => Math.log(probabilities[tokens[row + 1]!]!));
  } finally {
    await engine.close();
  }
}

describe('a language model', () => {
  test('tells of a text what it predicts, token by token, from one line end to the next', async () => {
    await withModel(languageModel, async (model) => {
      const text = 'the sea is';
      const [found] = await model.score([text]);
      const tokens = new RowEncoder(model.tokenizer).encode(`\n${text}\n`).tokens;
      const expected = await predictTokens(model, tokens);
      expect(found!.tokens!.map((token) => token.text).join('')).toBe(`${text}\n`);
      found!.tokens!.forEach(({ logProbability }, i) => {
        expect(logProbability).toBeCloseTo(expected[i]!, 5);
      });
      expect(found!.logProbability).toBeCloseTo(
        expected.reduce((sum, each) => sum + each, 0),
        4,
      );
    });
  });

  test('goes on from one piece of a long text to the next as if it were read at once', async () => {
    await withModel(languageModel, async (model) => {
      const { sequenceLength } = model.config.train;
      const long = 'the ruby was very red and '.repeat(4);
      expect(long.length).toBeGreaterThan(4 * sequenceLength);
      const [whole] = await model.score([long]);
      // Up to the end of the first piece nothing was carried.
      const [short] = await model.score([long.slice(0, sequenceLength - 2)]);
      const head = (likelihood: Likelihood): unknown => likelihood.tokens!.slice(0, -1);
      expect(whole!.tokens!.slice(0, sequenceLength - 2)).toEqual(head(short!));
      // Behind it something is: the same words come as less of a surprise the second time they begin.
      const period = 'the ruby was very red and '.length;
      const again = whole!.tokens!.slice(period, 2 * period);
      expect(again).not.toEqual(whole!.tokens!.slice(0, period));
    });
  });

  test.each(['char', 'byte'])('ends a text as lines ended in training: %s', async (kind) => {
    const text = readFileSync(join(cwd, 'colours.txt'), 'utf8');
    writeFileSync(join(cwd, 'crlf.txt'), text.replaceAll('\n', '\r\n'));
    const runDir = join(cwd, `crlf ${kind}`);
    const set = [`data.train=${join(cwd, 'crlf.txt')}`, `data.tokenizer={ kind: ${kind} }`];
    expect((await trainSmall(cwd, 'language-model', { runDir, set })).error).toBeUndefined();
    await withModel(runDir, async (model) => {
      const [found] = await model.score(['the sea']);
      expect(found!.tokens!.map(({ text: each }) => each).join('')).toBe('the sea\r\n');
      const tokens = new RowEncoder(model.tokenizer).encode('\r\nthe sea\r\n').tokens;
      const expected = (await predictTokens(model, tokens)).slice(1);
      found!.tokens!.forEach(({ logProbability }, i) => {
        expect(logProbability).toBeCloseTo(expected[i]!, 5);
      });
    });
  });

  test('counts what it does not know, and has an end of line alone for an empty text', async () => {
    await withModel(languageModel, async (model) => {
      const [unknown, empty] = await model.score(['a ☃ in the ☃', '']);
      expect(unknown!.unknown).toBe(2);
      expect(empty!.tokens!.map(({ text }) => text)).toEqual(['\n']);
    });
  });
});

/** Asks for everything at once, and one by one. */
async function expectAlone(run: string, rows: readonly Scorable[]): Promise<void> {
  const together = await withModel(run, (model) => model.score(rows), 1);
  for (const workers of [2, 3]) {
    expect(await withModel(run, (model) => model.score(rows), workers)).toEqual(together);
  }
  const alone = await withModel(run, async (model) => {
    const found: Likelihood[] = [];
    for (const row of rows) found.push(...(await model.score([row])));
    return found;
  });
  expect(alone).toEqual(together);
}

test('texts have the bits that they have alone, whatever company and workers they find', async () => {
  await expectAlone(languageModel, texts);
});

test('a classifier tells of each class what its probability is, alone or not', async () => {
  await withModel(classifier, async (model) => {
    const rows = texts.flatMap((text) => model.classes.map((label) => ({ text, label })));
    const scored = await model.score(rows);
    const expected = (await model.classify(texts)).flatMap((each) => [...each]);
    scored.forEach(({ logProbability, tokens }, i) => {
      expect(Math.exp(logProbability)).toBeCloseTo(expected[i]!, 6);
      expect(tokens).toBeUndefined();
    });
  });
  await expectAlone(
    classifier,
    texts.slice(0, 20).map((text) => ({ text, label: 'red' })),
  );
});

/** Every list of tags for some tokens. */
function allTags(classes: readonly string[], count: number): string[][] {
  if (count === 0) return [[]];
  return allTags(classes, count - 1).flatMap((tags) => classes.map((each) => [...tags, each]));
}

test.each(['softmax', 'crf'])(
  'all ways to tag a sentence are certain together: %s',
  async (loss) => {
    await withModel(join(cwd, loss), async (model) => {
      const tokens = ['anna', 'went', 'nowhere', 'rome'];
      const rows = allTags(model.classes, tokens.length).map((tags) => ({ tokens, tags }));
      const scored = await model.score(rows);
      const sum = scored.reduce((total, each) => total + Math.exp(each.logProbability), 0);
      expect(sum).toBeCloseTo(1, 5);
      // The likeliest is the one that is predicted.
      const [told] = await model.tag([tokens]);
      const best = scored.reduce(
        (a, b, i) => (b.logProbability > scored[a]!.logProbability ? i : a),
        0,
      );
      expect(rows[best]!.tags).toEqual(told);
      expect(scored[0]!.tokens?.length).toBe(loss === 'crf' ? undefined : tokens.length);
      expect(scored[0]!.unknown).toBe(1);
    });
  },
);

test('a sentence longer than any row is read in parts, as where its tags are predicted', async () => {
  await withModel(join(cwd, 'crf'), async (model) => {
    const tokens = Array.from({ length: 8 }, (_, i) => ['anna', 'to', 'rome'][i % 3]!);
    const tags = tokens.map(() => 'O');
    const part = (from: number, to?: number): Scorable => ({
      ...{ tokens: tokens.slice(from, to), tags: tags.slice(from, to) },
    });
    const [whole, first, second] = await model.score([part(0), part(0, 6), part(6)]);
    expect(whole!.logProbability).toBeCloseTo(first!.logProbability + second!.logProbability, 5);
  });
});

describe('what has no likelihood is refused', () => {
  test.each<[string, unknown, string]>([
    [languageModel, 'a text', 'score: expected a list, got "a text"'],
    [languageModel, [1], 'score: expected row 0 to be a text, got 1'],
    [classifier, ['a'], 'score: expected row 0 to be { text, label }, got "a"'],
    [
      classifier,
      [{ text: 'a', label: 'pink' }],
      'score: row 0: expected a class that the model knows, got "pink"',
    ],
    [
      join(cwd, 'crf'),
      [{ tokens: ['a', 'b'], tags: ['O'] }],
      'score: expected a tag for each of the 2 tokens of row 0, got 1 tag',
    ],
    [
      join(cwd, 'crf'),
      [{ tokens: ['a'], tags: ['Q'] }],
      'score: row 0: expected a tag that the model knows, got "Q"',
    ],
  ])('%s: %j', async (run, rows, message) => {
    await withModel(run, async (model) => {
      await expect(model.score(rows as Scorable[])).rejects.toThrow(message);
    });
  });
});
