import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  exportForWeb,
  openModel,
  train,
  type ConfigInput,
  type TrainListener,
} from '../../src/index.js';
import { portableTokenizer } from '../../src/export/portable-tokenizer.js';
import { alphabet } from '../../src/data/tokenizers/bpe-alphabet.js';
import { BpeTokenizer } from '../../src/data/tokenizers/bpe.js';
import type { CheckedTokenizer } from '../../src/data/tokenizers/bpe-json.js';
import type { SerializedBpe } from '../../src/data/tokenizers/serialized.js';
import { bpeFromJson } from '../../src/data/tokenizers/bpe-file.js';
import { packageFile } from '../../src/package-root.js';
import { SharedModel } from '../../src/use/model-file.js';
import { readModel } from '../../src/use/read-model.js';
import type * as face from '../../src/web/public.js';

const names = [
  'LICENSES.txt',
  'index.html',
  'lockstep.d.ts',
  'lockstep.js',
  'lockstep.wasm',
  'model.safetensors',
];
const dir = mkdtempSync(path.join(tmpdir(), 'lockstep-test-'));
const at = (name: string): string => path.join(dir, name);
let config: ConfigInput;
let run: string;
const texts = ['the ruby', 'a sea', ''];

beforeAll(async () => {
  const rows = Array.from({ length: 90 }, (_, i) => {
    return i % 2 === 0 ? `the ruby is ${i},red\n` : `a sea of ${i},blue\n`;
  });
  writeFileSync(at('rows.csv'), `text,label\n${rows.join('')}`);
  config = {
    task: 'classify',
    data: { train: [at('rows.csv')], validation: 0.3, storeDir: at('stores') },
    model: { embedding: 8, layers: [{ kind: 'lstm', hiddenSize: 8 }] },
    train: { maxSteps: 12 },
    workers: 1,
  };
  run = at('run');
  await train(config, { runDir: run });
});
afterAll(() => rmSync(dir, { recursive: true }));

describe('an export', () => {
  test('answers as the run, and is replaced when that is asked for', async () => {
    const made = await exportForWeb(run, at('out'));
    expect(readdirSync(at('out')).sort()).toEqual(names);
    expect(made.files.map(({ name }) => name).sort()).toEqual(names);
    const { loadModel } = (await import(packageFile('dist/web/lockstep.js'))) as typeof face;
    const model = await loadModel({
      model: new Uint8Array(readFileSync(at('out/model.safetensors'))),
      kernels: new Uint8Array(readFileSync(at('out/lockstep.wasm'))),
    });
    const own = await openModel(run, { workers: 1 });
    const [found, expected] = [await model.classify(texts), await own.classify(texts)];
    await own.close();
    expect(model.classes).toEqual(own.classes);
    found.forEach((each, i) =>
      each.forEach((probability, k) => expect(probability).toBeCloseTo(expected[i]![k]!, 5)),
    );
    await expect(model.regress(texts)).rejects.toThrow(/is a classifier.*it does not regress/);

    await expect(exportForWeb(run, at('out'))).rejects.toThrow(/out is there: .* overwrite: true/);
    await exportForWeb(run, at('out'), { overwrite: true });
    expect(readdirSync(dir).filter((name) => name.startsWith('out'))).toEqual(['out']);
  });

  test('of a model that was trained in bfloat16 says that it multiplies float32, and does', async () => {
    const rounded = at('rounded');
    await train(
      { ...config, train: { ...config.train, precision: 'bfloat16' } },
      { runDir: rounded },
    );
    const notices: string[] = [];
    const listener: TrainListener = (event) => {
      if (event.type === 'notice') notices.push(event.message);
    };
    await exportForWeb(rounded, at('unrounded'), { listener });
    expect(notices).toEqual([
      expect.stringMatching(
        /was trained with products in bfloat16; what is exported multiplies float32, /,
      ),
    ]);
    const { loadModel } = (await import(packageFile('dist/web/lockstep.js'))) as typeof face;
    const model = await loadModel({
      model: new Uint8Array(readFileSync(at('unrounded/model.safetensors'))),
      kernels: new Uint8Array(readFileSync(at('unrounded/lockstep.wasm'))),
    });
    const read = await readModel(rounded, { notify: () => undefined });
    const { train: trained } = read.config;
    const inFloat32 = {
      ...read,
      config: { ...read.config, train: { ...trained, precision: 'float32' as const } },
    };
    const [found, same, own] = await Promise.all(
      [model, new SharedModel(inFloat32), new SharedModel(read)].map(async (each) => {
        const probabilities = await each.classify(texts);
        if ('close' in each) await each.close();
        return probabilities.flatMap((row) => Array.from(row));
      }),
    );
    const apart = (other: number[]): number =>
      Math.max(...found!.map((p, i) => Math.abs(p - other[i]!)));
    expect(apart(same!)).toBeLessThan(1e-5);
    expect(apart(own!)).toBeGreaterThan(0);
    expect(apart(own!)).toBeLessThan(0.01);
  });

  test('as int8 says what the validation split, or other files, lose by it', async () => {
    const { measured, files } = await exportForWeb(run, at('eight'), { weights: 'int8' });
    expect(measured).toMatchObject({ on: 'validation' });
    expect(measured!.after.loss).not.toBe(measured!.before.loss);
    expect(measured!.after.loss).toBeCloseTo(measured!.before.loss, 2);
    expect(files.find(({ name }) => name === 'model.safetensors')!.bytes).toBeGreaterThan(0);
    const other = await exportForWeb(run, at('other'), { weights: 'int8', data: [at('rows.csv')] });
    expect(other.measured!.before.targets).toBe(90);
  });

  test('that cannot be measured, or would replace what is none, leaves everything as it was', async () => {
    mkdirSync(at('mine'));
    writeFileSync(at('mine/notes.txt'), 'kept');
    symlinkSync(at('mine'), at('link'));
    writeFileSync(at('file'), 'kept');
    const before = readdirSync(dir);
    const refusals: [string, Parameters<typeof exportForWeb>[2], RegExp][] = [
      ['mine', {}, /mine is there: expected a new directory or one that is empty/],
      ['mine', { overwrite: true }, /mine is there, and holds other files than an export does/],
      ['file', { overwrite: true }, /file is there, and no directory/],
      ['link', { overwrite: true }, /link is a link/],
      ['new', { data: [at('rows.csv')] }, /^data: expected beside weights int8/],
      ['new', { weights: 'int8', data: [at('nowhere.csv')] }, /nowhere\.csv/],
      ['new', { checkpoint: 'step-00009999' }, /step-00009999/],
    ];
    for (const [out, options, sentence] of refusals) {
      await expect(exportForWeb(run, at(out), options)).rejects.toThrow(sentence);
    }
    expect(readdirSync(dir)).toEqual(before);
    expect(readFileSync(at('mine/notes.txt'), 'utf8')).toBe('kept');
  });
});

describe('a tokenizer for browsers', () => {
  const json = (steps: object): object => ({
    ...{
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false },
      ...steps,
    },
    model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] },
  });

  test('is refused where only a native package knows its steps', () => {
    const foreign = bpeFromJson({ tokenizer: json({ normalizer: { type: 'NFC' } }) });
    expect(() => portableTokenizer(foreign, 'data.tokenizer')).toThrow(
      /^data\.tokenizer: its tokenizer\.json has the normalizer NFC, which only the package "tokenizers" knows/,
    );
  });

  test('gives the ids of the one that it was made of', () => {
    const merges = ['a b', 'ab c', 'Ġ a', 'Ġa b', 'Ã ¼'];
    const tokens = [...alphabet, ...merges.map((merge) => merge.replace(' ', ''))];
    const whole = bpeFromJson({
      tokenizer: {
        added_tokens: [
          { id: tokens.length, content: '<|end|>', lstrip: true },
          { id: tokens.length + 1, content: 'abba', normalized: true, single_word: true },
        ],
        normalizer: { type: 'Lowercase' },
        pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true },
        model: {
          type: 'BPE',
          vocab: Object.fromEntries(tokens.map((each, id) => [each, id])),
          merges,
        },
      },
    });
    const written = JSON.parse(JSON.stringify(portableTokenizer(whole, 'x'))) as SerializedBpe;
    // As the module makes it.
    const portable = new BpeTokenizer(written, written.tokenizer as CheckedTokenizer);
    const piece = fc.constantFrom(
      'a',
      'b',
      'c',
      ' ',
      'AB',
      'ü',
      'Σ',
      '<|end|>',
      ' abba ',
      '🚢',
      '\n',
      '7',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece).map((all) => all.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          const ids = whole.encode(text);
          expect(portable.encode(text)).toEqual(ids);
          expect(portable.decode(ids)).toBe(whole.decode(ids));
        },
      ),
    );
  });

  test('is what is read of a tokenizer.json', () => {
    const own = bpeFromJson({ tokenizer: json({ decoder: { type: 'ByteLevel' } }) });
    const portable = portableTokenizer(own, 'data.tokenizer');
    expect(JSON.stringify(portable)).not.toContain('decoder');
    expect(portable).toMatchObject({ kind: 'bpe', tokenizer: { model: { merges: ['a b'] } } });
  });
});
