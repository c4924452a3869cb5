import { afterEach, describe, expect, it } from 'vitest';
import { type Config, configSchema } from '../../src/config/schema.js';
import type { Corpus } from '../../src/data/store/corpus.js';
import { prepareCorpus } from '../../src/data/prepare/prepare.js';
import { compareConfigs } from '../../src/run/config-changes.js';
import { trainingBatches } from '../../src/train/evaluation.js';
import { type Scratch, useScratch } from './scratch.js';

const scratch = useScratch();
const opened: Corpus[] = [];
afterEach(async () => {
  for (const corpus of opened.splice(0)) await corpus.close();
});

function configure({ path }: Scratch, task: string, train: unknown): Config {
  const tokenizer = { kind: 'word', minCount: 1 };
  return configSchema.parse({
    task,
    data: { train, validation: 0, tokenizer, storeDir: path('stores') },
    train: { batchSize: 4, sequenceLength: 5, bucketBatches: task === 'classify' ? 2 : 1 },
    workers: 1,
  });
}

async function prepare(config: Config): Promise<Corpus> {
  const corpus = await prepareCorpus(config, () => undefined);
  opened.push(corpus);
  return corpus;
}

/** How often each word (a row's only one) is shown in an epoch. */
async function countWords(config: Config, corpus: Corpus, epoch: number) {
  const source = trainingBatches(config, corpus);
  const batch = {
    rows: 0,
    tokens: new Int32Array(source.maxTokens),
    rowStart: new Int32Array(source.maxRows + 1),
    labels: new Int32Array(source.maxRows),
    targets: new Int32Array(source.maxTokens),
    startsFresh: false,
  };
  const counts: Record<string, number> = {};
  for (let step = 0; step < source.stepsPerEpoch; step++) {
    await source.read(epoch * source.stepsPerEpoch + step, batch);
    for (const id of batch.tokens.subarray(0, batch.rowStart[batch.rows])) {
      const word = corpus.tokenizer.decode([id]);
      counts[word] = (counts[word] ?? 0) + 1;
    }
  }
  return counts;
}

const csvOf = (words: string) =>
  `text,label\n${words
    .split(' ')
    .map((word, i) => `${word},${i % 2 === 0 ? 'x' : 'y'}\n`)
    .join('')}`;

const files = { 'a.csv': csvOf('a b c'), 'b1.csv': csvOf('d e'), 'b2.csv': csvOf('f g') };

describe('the weights of sources', () => {
  it('show rows more or less often, and change nothing in the store', async () => {
    const place = await scratch(files);
    const { path } = place;
    const plain = configure(place, 'classify', [path('a.csv'), path('b*.csv')]);
    const weighted = configure(place, 'classify', [
      { path: path('a.csv'), weight: 2 },
      { path: path('b*.csv'), weight: 0.5 },
      // Of a file that is named again the weight is the same.
      { path: path('b2.csv'), weight: 0.5 },
    ]);
    const corpus = await prepare(plain);
    const other = await prepare({
      ...weighted,
      data: { ...weighted.data, train: weighted.data.train.slice(0, 2) },
    });
    expect(other.storeDir).toBe(corpus.storeDir);
    expect(other.fingerprint).toBe(corpus.fingerprint);
    expect(await countWords(plain, corpus, 0)).toEqual({
      a: 1,
      b: 1,
      c: 1,
      d: 1,
      e: 1,
      f: 1,
      g: 1,
    });
    const again = await prepare(weighted);
    expect(again.trainSources).toEqual([
      { rows: 3, tokens: 3, weight: 2 },
      { rows: 2, tokens: 2, weight: 0.5 },
      { rows: 2, tokens: 2, weight: 0.5 },
    ]);
    const [first, second] = [
      await countWords(weighted, again, 0),
      await countWords(weighted, again, 1),
    ];
    expect(first).toMatchObject({ a: 2, b: 2, c: 2 });
    for (const word of ['d', 'e', 'f', 'g']) {
      expect((first[word] ?? 0) + (second[word] ?? 0)).toBe(1);
    }
  });

  it('are one for a file, however often and in which order it is named', async () => {
    const place = await scratch({ ...files, 'x.en': 'a\n', 'x.de': 'b\n' });
    const { path, dir } = place;
    const refuse = async (task: string, train: unknown[]): Promise<string> => {
      const error: unknown = await prepare(configure(place, task, train)).catch(
        (each: unknown) => each,
      );
      return (error as Error).message.replaceAll(`${dir}/`, '');
    };
    const heavy = { path: path('a.csv'), weight: 4 };
    expect(await refuse('classify', [path('*.csv'), heavy])).toBe(
      'data.train: "a.csv" is named twice, with weight 1 by "*.csv" and with weight 4 by "a.csv": expected one weight for a file.',
    );
    expect(await refuse('classify', [heavy, path('*.csv')])).toBe(
      'data.train: "a.csv" is named twice, with weight 4 by "a.csv" and with weight 1 by "*.csv": expected one weight for a file.',
    );
    const pair = { source: path('x.en'), target: path('x.de') };
    expect(await refuse('translate', [pair, { ...pair, weight: 3 }])).toContain(
      'is named twice, with weight 1',
    );
  });

  it('show the text of language models more often', async () => {
    const place = await scratch({
      'a.txt': 'one two three four five six seven eight nine ten',
      'b.txt': 'and more',
    });
    const train = [{ path: place.path('a.txt'), weight: 3 }, place.path('b.txt')];
    const config = configure(place, 'language-model', train);
    const corpus = await prepare(config);
    const source = trainingBatches(config, corpus);
    const plain = trainingBatches(configure(place, 'language-model', [train[1]]), {
      ...corpus,
      trainSources: corpus.trainSources.map((each) => ({ ...each, weight: 1 })),
    });
    expect(corpus.trainSources.map(({ tokens }) => tokens)).toEqual([10, 2]);
    // 32 tokens are 4 streams of 7, in 2 pieces; 12 tokens 4 of 2.
    expect([source.stepsPerEpoch, plain.stepsPerEpoch]).toEqual([2, 1]);
  });

  it('are a change that a resumed run has to be told', async () => {
    const place = await scratch(files);
    const train = place.path('a.csv');
    const changes = compareConfigs(
      configure(place, 'classify', [train]),
      configure(place, 'classify', [{ path: train, weight: 2 }]),
    );
    expect(changes.harmless).toEqual([]);
    expect(changes.weighty).toEqual([
      { key: 'data.train', from: [train], to: [{ path: train, weight: 2 }] },
    ]);
  });
});
