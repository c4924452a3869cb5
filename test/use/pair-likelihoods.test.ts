import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readBatches } from '../../src/index.js';
import type { TrainedModel } from '../../src/train/trained-model.js';
import { ModelEngine } from '../../src/use/model-engine.js';
import { openModel } from '../../src/use/model-file.js';
import { runWith } from '../commands/stub.js';
import { pairs, trainTranslators } from './digit-pairs.js';

const cwd = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(cwd, { recursive: true }));
const run = join(cwd, 'run');
/** Of the same pairs. */
const rounded = join(cwd, 'rounded');

beforeAll(() => {
  const set = ['train.epochs=3'];
  const runs = [
    [run, set],
    [rounded, [...set, 'train.precision=bfloat16']],
  ] as const;
  return trainTranslators(cwd, new Map(runs.map(([name, given]) => [name, [...given]])));
});

async function withModel<T>(
  workers: number,
  use: (model: TrainedModel) => Promise<T>,
  of = run,
): Promise<T> {
  const model = await openModel(of, { workers });
  return use(model).finally(() => model.close());
}

/** What a search finds of some sources. */
async function findSome(model: TrainedModel) {
  const sources = pairs.slice(0, 40).map(({ source }) => source);
  const found = await model.translate(sources, { best: 3, unknown: 'keep' });
  return found.flatMap(({ translations }, i) =>
    translations.map(({ text, logProbability }) => {
      return { source: sources[i]!, target: text, logProbability };
    }),
  );
}

test('a translation is as likely as its search has found it, whatever company it has', async () => {
  await withModel(2, async (model) => {
    const made = await findSome(model);
    const told = await model.score(made);
    told.forEach(({ logProbability, tokens }, i) => {
      const { target, logProbability: expected } = made[i]!;
      expect(tokens!.map(({ text }) => text).join(' ')).toBe(`${target} `.trimStart());
      // The logarithms of float32 probabilities, and cross-entropies in float32, of sums in another order, since searches have keys and values
      // made of the source: each token a few units in the last place off.
      expect(Math.abs(logProbability - expected)).toBeLessThan(1e-6 * (1 + tokens!.length));
      const sum = tokens!.reduce((all, each) => all + each.logProbability, 0);
      expect(logProbability).toBe(sum);
    });
    for (const workers of [1, 3, 5]) {
      const other = await withModel(workers, (each) => each.score(made));
      expect(other).toEqual(told);
    }
    expect((await model.score(made.toReversed())).toReversed()).toEqual(told);
    const alone = await Promise.all(made.slice(0, 9).map((pair) => model.score([pair])));
    expect(alone.flat()).toEqual(told.slice(0, 9));
  });
});

/*
 * In bfloat16 a search rounds factors elsewhere: it multiplies what a decoder leaves by keys and sums values, where a score multiplies it into queries and
 * multiplies sums. Either way each of some forty terms of a sum is off by 2^-9 of itself at most, as many up as down, so that the sum is off by
 * some 2^-9 of a usual term; in the decoder's states, which do not see the source, nothing is rounded otherwise, so that no token hands its error
 * on. ln p of a token was off by 5e-4 at most, by 1e-4 on average. Keys or values of others are off by a tenth and more.
 */
const ROUNDED_ELSEWHERE = 2 ** -9;

test('a translation of a model in bfloat16 is as likely as its search has found it, but for rounding', async () => {
  await withModel(
    2,
    async (model) => {
      const made = await findSome(model);
      const told = await model.score(made);
      expect(made.length).toBe(120);
      told.forEach(({ logProbability, tokens }, i) => {
        const off = Math.abs(logProbability - made[i]!.logProbability);
        expect(off, made[i]!.target).toBeLessThan(ROUNDED_ELSEWHERE * tokens!.length);
      });
    },
    rounded,
  );
});

test('a translation longer than any of training is scored as a whole; what was not read of a source is told', async () => {
  await withModel(1, async (model) => {
    const target = Array.from({ length: 30 }, (_, i) => `${i % 6}`).join(' ');
    const [long, begun] = await model.score([
      { source: 'eins', target },
      { source: 'eins', target: target.slice(0, 5) },
    ]);
    expect(long!.tokens!.length).toBe(31);
    // Three tokens and the end, of which the tokens have the same before them.
    expect(long!.tokens!.slice(0, 3)).toEqual(begun!.tokens!.slice(0, 3));
    const [cut] = await model.score([{ source: `sieben ${pairs[1]!.source} acht`, target: 'x 1' }]);
    expect(cut).toMatchObject({ unknown: 1, unread: 2 });
    await expect(model.score([{ source: ' ', target: '1' }])).rejects.toThrow(
      'score: row 0: expected a source with tokens that the model reads, found none',
    );
    await expect(model.score(['eins'])).rejects.toThrow(
      'score: expected row 0 to be { source, target }, got "eins"',
    );
  });
});

test('tells how many are computed together, of translations and scores', async () => {
  const batches: number[] = [];
  const model = await openModel(run, { workers: 1, onBatch: (rows) => batches.push(rows) });
  await model.translate(pairs.slice(0, 3).map(({ source }) => source));
  expect(batches.splice(0)).toEqual([3]);
  await model.score(pairs.slice(0, 2));
  expect(batches.splice(0)).toEqual([2]);
  await model.score([{ source: 'eins', target: '1 '.repeat(40).trim() }]);
  expect(batches).toEqual([1]);
  await model.close();
});

test('memory for a translation longer than any of training is given back', async () => {
  const taken = vi.spyOn(ModelEngine.prototype, 'take');
  await withModel(1, async (model) => {
    const usual = { source: 'eins', target: '1' };
    const long = { source: 'eins', target: '1 '.repeat(40).trim() };
    const [before] = await model.score([usual]);
    const mixed = await model.score([long, usual, long]);
    expect(mixed.map(({ tokens }) => tokens!.length)).toEqual([41, 2, 41]);
    expect([mixed[1], mixed[2]]).toEqual([before, mixed[0]]);
    const { calls, contexts } = taken.mock;
    const which = calls.findIndex(([, options]) => options?.sizes?.maxSteps === 41);
    const lent = contexts[which] as ModelEngine;
    expect(contexts.filter((engine) => engine === lent).length).toBe(1);
    await expect(lent.take(() => Promise.resolve())).rejects.toThrow('closed');
  }).finally(() => vi.restoreAllMocks());
});

describe('the command', () => {
  const library = { openModel: (path: string) => openModel(path, { workers: 1 }), readBatches };
  const score = (...args: string[]) => runWith(['score', run, ...args], library);
  const some = pairs.slice(0, 4);
  const write = (name: string, lines: readonly string[]): string => {
    writeFileSync(join(cwd, name), lines.map((line) => `${line}\n`).join(''));
    return join(cwd, name);
  };

  test('scores two files and a table alike', async () => {
    const expected = await withModel(1, (model) => model.score(some));
    const source = write('s.de', some.map((pair) => pair.source)); // prettier-ignore
    const target = write('s.en', some.map((pair) => pair.target)); // prettier-ignore
    const table = write('s.csv', ['source,target', ...some.map((pair) => `${pair.source},${pair.target}`)]); // prettier-ignore
    const ofFiles = await score(source, '--target', target);
    const lines = ofFiles.stdout.trimEnd().split('\n');
    expect(ofFiles.status, ofFiles.stderr).toBe(0);
    expect(lines[0]).toBe('source,target,logProbability,tokenCount,perplexity,unknown');
    expect(lines.length).toBe(5);
    lines.slice(1).forEach((line, i) => {
      const [text, other, logProbability, count] = line.split(',');
      expect([text, other]).toEqual([some[i]!.source, some[i]!.target]);
      expect(Number(logProbability)).toBeCloseTo(expected[i]!.logProbability, 6);
      expect(Number(count)).toBe(expected[i]!.tokens!.length);
    });
    expect((await score(table)).stdout).toBe(ofFiles.stdout);
    const objects = await score(source, '--target', target, '--to', 'jsonl', '--by-token');
    const [first] = objects.stdout.split('\n').map((line) => JSON.parse(line || '{}') as object);
    expect(first).toMatchObject({ source: some[0]!.source, byToken: [['0', expect.any(Number)], ['', expect.any(Number)]] }); // prettier-ignore
  });

  test('leaves rows that cannot be scored without a score', async () => {
    const file = write('b.tsv', ['source\ttarget', 'eins\t1', '\t2', 'zwei\t']);
    const { status, stdout, stderr } = await score(file, '--on-bad-row', 'skip');
    expect(status, stderr).toBe(0);
    expect(stdout.trimEnd().split('\n').map((line) => line.split(',')[2] !== '')).toEqual([true, true, false, false]); // prettier-ignore
    expect(stderr).toContain('2 rows without a score');
  });

  test('asks for the translations of plain texts that a pattern finds', async () => {
    const file = write('only.txt', ['eins']);
    const { status, stderr } = await score(join(cwd, 'onl?.*'));
    expect(status).toBe(1);
    expect(stderr).toBe(
      `${file} is plain text, which has no translations: expected a CSV, TSV, JSONL or Parquet file, or --target with the translations line by line.\n`,
    );
  });

  test('never replaces what it reads', async () => {
    const [source, target] = [write('o.de', ['eins']), write('o.csv', ['1'])];
    const { status, stderr } = await score(source, '--target', target, '--out', target, '--overwrite'); // prettier-ignore
    expect(status).toBe(1);
    expect(stderr).toContain(`--out: ${target} is read as input, and would be lost`);
    expect(readFileSync(target, 'utf8')).toBe('1\n');
  });

  test.each([
    [['in.de'], 'in.de: expected --target with its translations, line by line'],
    [['--target', 'x'], '--target: expected files before it'],
    [['in.de', '--text', '2', '--target', 'x'], '--text: expected nothing beside --target'],
  ])('refuses %j', async (args, message) => {
    const { status, stderr } = await score(...args);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
  });
});
