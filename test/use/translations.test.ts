import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readBatches } from '../../src/data/formats/examples.js';
import { prepareHeldOut, scoreTranslations } from '../../src/index.js';
import { Bleu } from '../../src/scoring/bleu.js';
import type { Translated, TranslateOptions } from '../../src/decoding/translation.js';
import type { TrainedModel } from '../../src/train/trained-model.js';
import { openModel } from '../../src/use/model-file.js';
import { runWith } from '../commands/stub.js';
import { numbers, pairs, trainTranslators, words } from './digit-pairs.js';

const cwd = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(cwd, { recursive: true }));
const run = join(cwd, 'run');
/** Of a model that attends to nothing. */
const blind = join(cwd, 'blind');

const limits = ['data.maxLength=9', 'data.maxSourceLength=8'];

beforeAll(
  () =>
    trainTranslators(
      cwd,
      new Map([
        [run, [...limits, 'train.epochs=4']],
        [blind, [...limits, 'train.maxSteps=1', 'model.attention={ kind: none }']],
      ]),
    ),
  60_000,
);

async function withModel<T>(workers: number, use: (model: TrainedModel) => Promise<T>): Promise<T> {
  const model = await openModel(run, { workers });
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

const texts = Array.from({ length: 90 }, (_, i) =>
  i % 11 === 0
    ? ['', '  ', 'sieben eins', 'eins zwei drei vier fuenf null eins zwei drei'][i % 4]!
    : numbers[i]!.map((digit) => words[(digit + i) % 6]).join(' '),
);

const options: Record<string, TranslateOptions> = {
  usual: {},
  greedy: { beam: 1 },
  'n-best': { beam: 4, best: 3, lengthNormalisation: 0.6, coveragePenalty: 0.2, noRepeat: 2 },
  drawn: { best: 2, sampling: { temperature: 1, topK: 0, seed: 3 } },
};

describe.each(Object.entries(options))('translations, %s', (_name, given) => {
  test('depend on nothing but their text: not on workers, batch or order', async () => {
    const together = await withModel(1, (model) => model.translate(texts, given));
    for (const workers of [2, 3, 5]) {
      const found = await withModel(workers, (model) => model.translate(texts, given));
      expect(found).toEqual(together);
    }
    await withModel(2, async (model) => {
      const reversed = await model.translate(texts.toReversed(), given);
      expect(reversed.toReversed()).toEqual(together);
      const calls = texts.slice(0, 25).map((text) => model.translate([text], given));
      expect((await Promise.all(calls)).flat()).toEqual(together.slice(0, 25));
    });
  });
});

describe('a translation', () => {
  const translate = (given: readonly string[], how?: TranslateOptions): Promise<Translated[]> =>
    withModel(1, (model) => model.translate(given, how));

  test('of nothing is none, and of a text that is too long tells what was not read', async () => {
    const [empty, blank, long] = await translate(['', ' ', texts[11]!]);
    expect(empty).toEqual({ translations: [], sourceTokens: [], unread: 0 });
    expect(blank).toEqual(empty);
    expect(long).toMatchObject({ unread: 1 });
    expect(long!.sourceTokens.length).toBe(8);
  });

  test('ends at the longest that is allowed, and tells so', async () => {
    const [cut] = await translate(['eins zwei drei vier'], { maxLength: 1 });
    expect(cut!.translations[0]).toMatchObject({ isCut: true });
    expect(cut!.translations[0]!.tokens.length).toBe(1);
  });

  test('has several, none alike, the best first; that of one is the best of several', async () => {
    const [found] = await translate(['eins zwei drei'], { best: 5 });
    const scores = found!.translations.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(new Set(found!.translations.map(({ tokens }) => tokens.join(' '))).size).toBe(5);
    const wide = await translate(['eins zwei drei'], { beam: 5, best: 5 });
    expect(wide[0]!.translations).toEqual(found!.translations);
  });

  test('tells where each token comes from, in shares that come to one', async () => {
    const [found] = await translate(['eins zwei drei'], { attention: true });
    const [best] = found!.translations;
    expect(best!.attention!.length).toBe(best!.tokens.length + 1);
    best!.attention!.forEach((row, i) => {
      expect(row.length).toBe(3);
      expect(row.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
      if (i < best!.tokens.length) expect(best!.alignment![i]).toBe(row.indexOf(Math.max(...row)));
    });
  });

  test('of options that there are not is refused', async () => {
    await expect(translate(['a'], { beam: 0 })).rejects.toThrow(
      'translate: beam: expected a whole number from 1 to 1024, got 0',
    );
    await expect(translate(['a'], { beam: 2, best: 3 })).rejects.toThrow(
      'translate: best: expected at most as many as the beam is wide (2), got 3',
    );
  });
});

describe('a model without attention', () => {
  const translate = async (how: TranslateOptions): Promise<Translated[]> => {
    const model = await openModel(blind, { workers: 1 });
    return model.translate(['eins zwei', 'drei'], how).finally(() => model.close());
  };

  test('translates, and tells of no alignment, of an empty translation neither', async () => {
    for (const maxLength of [0, 3]) {
      for (const { translations } of await translate({ maxLength })) {
        expect(translations[0]).not.toHaveProperty('alignment');
      }
    }
  });

  test.each<[string, TranslateOptions]>([
    ['attention', { attention: true }],
    ['coveragePenalty', { coveragePenalty: 0.2 }],
    ['unknown', { unknown: 'replace' }],
  ])('refuses what asks where it looks: %s', async (name, how) => {
    await expect(translate(how)).rejects.toThrow(
      new RegExp(`^translate: ${name}: .* attends to no word of the source`),
    );
  });

  test.each([
    ['--alignment', ['--to', 'csv']],
    ['--attention', ['--to', 'jsonl']],
    ['--coverage-penalty', ['0.2']],
    ['--unknown', ['replace']],
  ])('so does the command: %s %j', async (name, others) => {
    const library = { openModel: (path: string) => openModel(path, { workers: 1 }), readBatches };
    const file = join(cwd, 'source');
    const { stderr } = await runWith(['translate', blind, file, name, ...others], library);
    expect(stderr).toMatch(
      new RegExp(`^${name}.*: ${blind} attends to no word of the source`, 'm'),
    );
  });
});

describe('the command', () => {
  const translate = async (content: string, ...args: string[]) => {
    const file = join(cwd, 'in.de');
    writeFileSync(file, content);
    const library = { openModel: (path: string) => openModel(path, { workers: 1 }), readBatches };
    return runWith(['translate', run, file, ...args], library);
  };

  test('writes a line for each line, and tells what was left out', async () => {
    const { status, stdout, stderr } = await translate(`eins zwei\n\n${texts[11]!}\r\nsieben`);
    expect(status).toBe(0);
    const expected = await withModel(1, (model) =>
      model.translate(['eins zwei', '', texts[11]!, 'sieben']),
    );
    expect(stdout).toBe(
      expected.map(({ translations: [best] }) => `${best?.text ?? ''}\n`).join(''),
    );
    expect(stderr).toContain('1 row without anything to translate: left empty\n');
    expect(stderr).toContain(
      '1 row of more than 8 tokens (data.maxSourceLength), of which the rest was not read; the first is',
    );
  });

  test('writes objects with all that is asked for', async () => {
    const { stdout } = await translate(
      'eins zwei\n',
      ...['--to', 'jsonl', '--best', '2', '--alignment', '--attention'],
    );
    const [line] = stdout.trimEnd().split('\n');
    const object = JSON.parse(line!) as Record<string, Record<string, unknown>[]>;
    expect(Object.keys(object)).toEqual(['text', 'translations', 'sourceTokens']);
    expect(object['translations']!.length).toBe(2);
    expect(Object.keys(object['translations']![0]!)).toEqual(
      expect.arrayContaining(['text', 'score', 'logProbability', 'alignment', 'attention']),
    );
  });

  test.each([
    [['--best', '2'], '--best: expected --to jsonl for several translations of a row'],
    [['--to', 'jsonl', '--best', '9'], '--best: expected at most --beam, which is 5, got 9'],
    [['--alignment'], '--alignment: expected --to csv or jsonl beside it'],
    [['--seed', '3'], '--seed: expected --sample beside it'],
    [['--temperature', '1'], '--temperature: expected --sample beside it'],
    [['--top-k', '0'], '--top-k: expected --sample beside it'],
    [['--length-normalisation', 'x'], '--length-normalisation: expected "average" or a number'],
  ])('refuses %j', async (args, message) => {
    const { status, stderr } = await translate('eins\n', ...args);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
  });
});

test('options that are no such thing are refused, naming what is missing', async () => {
  await withModel(1, async (model) => {
    const call = (options: object | null) => model.translate(['eins'], options as never);
    await expect(call({ sampling: { temperature: 1, seed: 1 } })).rejects.toThrow(
      'translate: sampling: topK: expected a whole number',
    );
    await expect(call({ sampling: [] })).rejects.toThrow('translate: sampling: expected an object');
    await expect(call(null)).rejects.toThrow('translate: expected options');
  });
});

test('evaluate tells BLEU, chrF and exact match of what translate writes', async () => {
  const files = [join(cwd, 'source'), '--target', join(cwd, 'target')];
  const { status, stdout, stderr } = await runWith(
    ['evaluate', run, '--data', ...files, '--json'],
    {
      openModel: (path: string) => openModel(path, { workers: 1 }),
      ...{ prepareHeldOut, scoreTranslations },
    },
  );
  expect(status, stderr).toBe(0);
  const report = JSON.parse(stdout) as Record<string, unknown>;
  const bleu = new Bleu({ lowercase: true });
  let exact = 0;
  await withModel(2, async (model) => {
    const found = await model.translate(pairs.map(({ source }) => source));
    found.forEach(({ translations: [best] }, i) => {
      const { target } = pairs[i]!;
      bleu.add(best!.text, [target]);
      if (best!.text === target) exact += 1;
    });
  });
  expect(report).toMatchObject({
    ...{ bleu: bleu.result().score, bleuSignature: bleu.result().signature },
    ...{ exact: exact / pairs.length, pairs: pairs.length },
  });
  expect(report['chrfSignature']).toContain('case:lc|eff:yes|nc:6|nw:0|space:no|version:2.6.0');
  expect(report['perplexity']).toBeGreaterThan(1);
});
