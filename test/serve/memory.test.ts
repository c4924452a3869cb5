import { expect, it, test } from 'vitest';
import { DeferredMetrics } from '../../src/serve/deferred-metrics.js';
import { memoryOfGeneration } from '../../src/serve/generation.js';
import { memoryOf } from '../../src/serve/memory.js';
import { routesOf } from '../../src/serve/routes.js';
import { stubClassifier, stubLanguageModel } from '../commands/stub.js';

const limits = { texts: 256, length: 2000 };
const MEBI = 2 ** 20;

it('weighs a request by what is made of it', () => {
  const text = 'x'.repeat(MEBI);
  const [predict] = routesOf(stubClassifier(), limits);
  const [score] = routesOf(stubLanguageModel(), limits);
  // A string of two bytes each; a token of each, with its number and what is said of it.
  expect(predict!.measure({ texts: [text] }).bytes / MEBI).toBeCloseTo(2, 2);
  expect(score!.measure({ rows: [text] }).bytes / MEBI).toBeCloseTo(128, 2);
  // Of many short tokens the lists are what takes memory.
  const sentence = Array.from({ length: 250_000 }, () => 'x');
  expect(memoryOf({ sentences: [sentence] }) / MEBI).toBeGreaterThan(15);
  const tokenizer = { ...stubLanguageModel().tokenizer, vocabularySize: 50_000 };
  expect(memoryOfGeneration({ tokenizer }, { prompt: '' })).toBeGreaterThan(200_000);
});

test('metrics that cannot be loaded are told of as such, and nothing is kept for them', async () => {
  const readings = { texts: () => 0, bytes: () => 0, connections: () => 0, mostTexts: 1 };
  let tries = 0;
  const metrics = new DeferredMetrics(readings, () => {
    tries++;
    return Promise.reject(new Error('gone'));
  });
  let calls = 0;
  metrics.tell(() => calls++);
  await expect(metrics.load()).rejects.toThrow('gone');
  await expect(metrics.load()).rejects.toThrow('gone');
  metrics.tell(() => calls++);
  expect([tries, calls]).toEqual([1, 0]);
});
