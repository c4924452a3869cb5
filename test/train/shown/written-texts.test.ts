import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createHostBatch } from '../../../src/compute/batch-feed.js';
import { loadConfig, type NamedConfig } from '../../../src/config/load.js';
import { prepareCorpus } from '../../../src/data/prepare/prepare.js';
import type { Corpus } from '../../../src/data/store/corpus.js';
import { undrawn } from '../../../src/decoding/undrawn.js';
import { SLOT } from '../../../src/model/sizes.js';
import { PURPOSE, uniform } from '../../../src/tensor/random.js';
import { createSetting, type Setting } from '../../../src/train/setting.js';
import { WrittenTexts } from '../../../src/train/shown/written-texts.js';
import { makeWorkplace } from '../../e2e/corpus.js';

const cwd = makeWorkplace();
const ignore = (): void => undefined;
let config: NamedConfig;
let corpus: Corpus;
let setting: Setting;

beforeAll(async () => {
  config = await loadConfig(join(cwd, 'language-model.yaml'), [
    `data.train=${join(cwd, 'colours.txt')}`,
    `data.storeDir=${join(cwd, 'stores')}`,
    // Rows that hold all that is written: the oracle reads it as a whole.
    ...['train.sequenceLength=90', 'workers=2'],
  ]);
  corpus = await prepareCorpus(config, ignore);
  setting = await createSetting(config, corpus, {}, { listener: ignore });
  await setting.engine.initialize(7);
});

afterAll(async () => {
  await setting.close();
  await corpus.close();
});

/** What is drawn behind a text, which is read anew from its beginning. */
async function drawBehind(tokens: readonly number[], row: number, index: number): Promise<number> {
  const { engine } = setting;
  const batch = createHostBatch(engine.handle.sizes);
  batch.rows = 1;
  batch.tokens.set(tokens);
  batch.rowStart[1] = tokens.length;
  engine.load(SLOT.evaluation, batch);
  engine.clearState(SLOT.evaluation);
  await engine.predict(SLOT.evaluation);
  const { tokenPlaces } = engine.layout(SLOT.evaluation);
  const probabilities = new Float32Array(corpus.tokenizer.vocabularySize);
  engine.probabilities(tokenPlaces[tokens.length - 1]!, probabilities);
  const left = undrawn(config.data.tokenizer, corpus.tokenizer);
  const weights = Array.from(probabilities, (value, id) => (left.has(id) ? 0 : value));
  const bound = uniform(config.train.seed, PURPOSE.sampling, row, index);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  return weights.findIndex((weight) => (sum += weight) > bound * total && weight > 0);
}

it('beginnings of texts are gone on with as the whole of each is read anew for every token', async () => {
  const texts = new WrittenTexts(setting.engine, config, corpus, corpus.validation!);
  const written = await texts.write(ignore);
  expect(written).toHaveLength(4);
  expect(new Set(written.map(({ row }) => row)).size).toBe(4);
  for (const [number, { row, text, predicted }] of written.entries()) {
    const prompt = new Int32Array(16);
    await corpus.validation!.readTokens(row, 16, prompt, 0);
    expect(text).toBe(corpus.tokenizer.decode(prompt));
    const tokens = Array.from(prompt);
    for (let index = 0; index < 60; index++) tokens.push(await drawBehind(tokens, number, index));
    expect(predicted).toBe(corpus.tokenizer.decode(tokens.slice(16)));
  }
  // The same draws each time.
  expect(await texts.write(ignore)).toEqual(written);
});

it('who is to stop ends the writing before the next token', async () => {
  const texts = new WrittenTexts(setting.engine, config, corpus, corpus.validation!);
  let asked = 0;
  const stop = (): void => {
    if (++asked === 3) throw new Error('stopped');
  };
  await expect(texts.write(stop)).rejects.toThrow('stopped');
  expect(asked).toBe(3);
});
