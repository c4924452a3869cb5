import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeNetwork } from '../../src/model/graph/describe.js';
import { describeStack } from '../../src/model/graph/stack.js';
import { describeEmbeddings } from '../../src/use/embeddings.js';
import { openModel } from '../../src/use/model-file.js';
import { predictMany } from '../../src/use/predict-many.js';
import type { Prediction, TrainedModel } from '../../src/train/trained-model.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { trainSmall } from '../faults/small-run.js';
import { readSafetensors } from '../../src/checkpoint/safetensors.js';
import { MODEL_FILE } from '../../src/checkpoint/run-state.js';
import { collect } from '../data/scratch.js';

const cwd = makeWorkplace();
const texts = ['the ruby', 'a sea of ice', '', 'very green moss and the ruby '.repeat(30)];
let classifier: TrainedModel;
let writer: TrainedModel;
beforeAll(async () => {
  const set = ['train.maxSteps=4'];
  await trainSmall(cwd, 'classifier', { runDir: join(cwd, 'a'), set });
  await trainSmall(cwd, 'language-model', { runDir: join(cwd, 'b'), set });
  classifier = await openModel(join(cwd, 'a'));
  writer = await openModel(join(cwd, 'b'));
  return async () => {
    await classifier.close();
    await writer.close();
  };
});

describe('predict', () => {
  it('tells of one text what classify tells, in names', async () => {
    const [probabilities] = await classifier.classify(['the ruby']);
    const { label, probability, probabilities: byName } = await classifier.predict('the ruby');
    expect(Object.keys(byName!)).toEqual(classifier.classes);
    Object.values(byName!).forEach((value, id) => {
      expect(Math.fround(value)).toBeCloseTo(probabilities![id]!, 6);
    });
    expect(probability).toBe(Math.max(...Object.values(byName!)));
    expect(byName![label!]).toBe(probability);
  });

  it('answers the same whatever a caller tries to do to what the model tells of itself', async () => {
    const before = await classifier.predict('the ruby');
    const { classes, config } = classifier as unknown as {
      classes: string[];
      config: { data: { maxLength: number } };
    };
    expect(() => classes.reverse()).toThrow(TypeError);
    expect(() => (config.data.maxLength = 1)).toThrow(TypeError);
    expect(await classifier.predict('the ruby')).toEqual(before);
  });

  it('refuses what is no text, and a model that writes', async () => {
    await expect(classifier.predict(['the', 'ruby'])).rejects.toThrow(
      'predict: expected a text, got a list',
    );
    await expect(writer.predict('the')).rejects.toThrow(
      'is a language model: it generates, it does not predict',
    );
  });

  it('answers many in their order, each as alone', async () => {
    const many = Array.from({ length: 40 }, (_, i) => texts[i % texts.length]!);
    const alone = await Promise.all(texts.map((text) => classifier.predict(text)));
    const found = await collect(classifier.predictMany(many, { ahead: 7 }));
    expect(found).toEqual(many.map((_, i) => alone[i % texts.length]));
  });
});

describe('predictMany', () => {
  const answer = (text: string): Promise<Prediction> => Promise.resolve({ label: text });

  it('reads no further ahead than it is told', async () => {
    let read = 0;
    function* inputs(): Generator<string, void, undefined> {
      for (;;) yield `${read++}`;
    }
    const answers = predictMany(answer, inputs(), { ahead: 5 });
    for (let i = 0; i < 20; i++) {
      expect((await answers.next()).value).toEqual({ label: `${i}` });
      // One more may be at hand.
      expect(read).toBeLessThanOrEqual(i + 7);
    }
    await answers.return();
  });

  it('gives an answer that is there before the next input comes', async () => {
    let give: (text: string) => void = () => undefined;
    async function* inputs(): AsyncGenerator<string, void, undefined> {
      yield 'a';
      yield await new Promise<string>((resolve) => (give = resolve));
    }
    const answers = predictMany(answer, inputs());
    expect((await answers.next()).value).toEqual({ label: 'a' });
    const second = answers.next();
    give('b');
    expect((await second).value).toEqual({ label: 'b' });
    expect((await answers.next()).done).toBe(true);
  });

  it('throws what the inputs or an answer throw, in their turn, and ends the inputs', async () => {
    let ended = 0;
    function* inputs(): Generator<string, void, undefined> {
      try {
        yield* ['a', 'bad', 'c'];
      } finally {
        ended++;
      }
    }
    const refuse = (text: string): Promise<Prediction> =>
      text === 'bad' ? Promise.reject(new Error('no such text')) : answer(text);
    const answers = predictMany(refuse, inputs(), { ahead: 2 });
    expect((await answers.next()).value).toEqual({ label: 'a' });
    await expect(answers.next()).rejects.toThrow('no such text');
    expect(ended).toBe(1);
    async function* failing(): AsyncGenerator<string, void, undefined> {
      await Promise.reject(new Error('no such file'));
      yield 'never read';
    }
    await expect(predictMany(answer, failing()).next()).rejects.toThrow('no such file');
  });

  it('answers all inputs that came before the inputs fail', async () => {
    function* failing(): Generator<string, void, undefined> {
      yield* ['a', 'b', 'c'];
      throw new Error('the disk is gone');
    }
    const slow = async (text: string): Promise<Prediction> => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      return answer(text);
    };
    const answers = predictMany(slow, failing());
    for (const label of ['a', 'b', 'c']) expect((await answers.next()).value).toEqual({ label });
    await expect(answers.next()).rejects.toThrow('the disk is gone');
    expect((await answers.next()).done).toBe(true);
  });
});

describe('a checkpoint that is removed while it is opened', () => {
  it('gives way to the one that the run has then', async () => {
    const runDir = join(cwd, 'going');
    await trainSmall(cwd, 'classifier', {
      runDir,
      set: ['train.maxSteps=4', 'train.checkpoint.everySteps=2', 'train.checkpoint.keep=2'],
    });
    const file = join(runDir, 'config.yaml');
    const changed = readFileSync(file, 'utf8').replace(/(learningRate: )[\d.]+/, '$10.5');
    writeFileSync(file, changed);
    // It is told of between the look for a checkpoint and its weights.
    const told: string[] = [];
    const model = await openModel(runDir, {
      checkpoint: 'latest',
      notify: (message) => {
        told.push(message);
        rmSync(join(runDir, 'checkpoints/step-00000004'), { recursive: true, force: true });
      },
    });
    expect(told.length).toBeGreaterThan(0);
    expect(model.step).toBe(2);
    expect((await model.predict('the ruby')).label).toBeDefined();
    await model.close();
  });
});

describe('embed', () => {
  it('gives what the head reads: the head of it gives the probabilities', async () => {
    const vectors = await classifier.embed(texts);
    const probabilities = await classifier.classify(texts);
    const head = new Map<string, Float32Array>([
      ['head.weight', new Float32Array(3 * 9)],
      ['head.bias', new Float32Array(3)],
    ]);
    await readSafetensors(join(classifier.checkpoint, MODEL_FILE), (name) => head.get(name));
    vectors.forEach((vector, row) => {
      expect(vector).toHaveLength(9);
      const logits = Array.from(head.get('head.bias')!, (bias, c) =>
        vector.reduce((sum, v, i) => sum + v * head.get('head.weight')![c * 9 + i]!, bias),
      );
      const total = logits.reduce((sum, each) => sum + Math.exp(each), 0);
      logits.forEach((logit, c) => {
        expect(Math.exp(logit) / total).toBeCloseTo(probabilities[row]![c]!, 5);
      });
    });
  });

  it.each(['classifier', 'language model'])(
    'gives a text of a %s the same vector whatever its company',
    async (name) => {
      const model = name === 'classifier' ? classifier : writer;
      const alone = [];
      for (const text of texts) alone.push(...(await model.embed([text])));
      const calls = await Promise.all([
        model.embed(texts),
        model.embed(texts.toReversed()),
        ...texts.map((text) => model.embed([text])),
      ]);
      expect(calls[0]).toEqual(alone);
      expect(calls[1]).toEqual(alone.toReversed());
      expect(calls.slice(2).flat()).toEqual(alone);
    },
  );

  it('takes the mean over tokens where tokens are predicted', async () => {
    // A text of one token, read from the beginning on: its only vector. Of an empty one that of the unknown token.
    const [one, two, three] = await writer.embed(['t', 'th', 'the']);
    expect(one).not.toEqual(two);
    expect(two).not.toEqual(three);
    expect(one).toHaveLength(9);
  });

  it('has an embedding that shares its weight with the head keep it', () => {
    const shape = describeStack({
      ...{ vocabulary: 12, outputs: 12, dropout: 0, predicts: 'token' },
      embedding: { width: 9, tied: true },
      layers: [{ kind: 'lstm', hiddenSize: 9 }],
    });
    const untied = describeEmbeddings(shape);
    expect(untied.width).toBe(9);
    expect(() => describeNetwork(untied.shape)).not.toThrow();
  });
});
