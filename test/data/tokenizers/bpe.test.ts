import fc from 'fast-check';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { BPE, byteLevelPreTokenizer, Tokenizer as Peer } from 'tokenizers';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/config/schema.js';
import { sampleTexts } from '../../../src/data/tokenizers/bpe-sample.js';
import { bpeFromJson, loadBpeTokenizer } from '../../../src/data/tokenizers/bpe-file.js';
import { trainBpe } from '../../../src/data/tokenizers/bpe-training.js';
import { tokenizerFromJson } from '../../../src/data/tokenizers/kinds.js';
import { serializedTokenizerSchema } from '../../../src/data/tokenizers/serialized.js';
import { UserError } from '../../../src/errors.js';
import { useScratch } from '../scratch.js';
import { mixedText, scripts } from './scripts.js';
import { tries } from '../../effort.js';

const scratch = useScratch();
const docs = new URL('../../../docs/', import.meta.url);
const english = (await readdir(docs)).filter((name) => name.endsWith('.md')).sort();
const corpus = [
  ...(await Promise.all(english.map((name) => readFile(new URL(name, docs), 'utf8')))),
  ...Object.values(scripts),
];

async function* stream(texts: readonly string[]): AsyncGenerator<string> {
  for (const text of texts) yield await Promise.resolve(text);
}

async function train(options: object = {}, texts: readonly string[] = corpus) {
  const { data } = configSchema.parse({
    task: 'language-model',
    data: { train: 'x.txt', tokenizer: { kind: 'bpe', vocabularySize: 1500, ...options } },
  });
  if (data.tokenizer.kind !== 'bpe') throw new Error('expected a bpe');
  return bpeFromJson(await trainBpe(stream(texts), data.tokenizer));
}

interface TokenizerJson {
  model: { vocab: Record<string, number>; merges: [string, string][] };
}

/** A tokenizer.json with parts replaced; `model` is merged with the trained one. */
async function vary({ model, ...parts }: Record<string, unknown> = {}): Promise<TokenizerJson> {
  const json = (await train()).toJSON().tokenizer as TokenizerJson;
  return { ...json, ...parts, model: { ...json.model, ...(model as object | undefined) } };
}

/** Compares with what the package says, shifted by one. */
async function expectPeerIds(json: unknown, texts: readonly string[]): Promise<void> {
  const peer = Peer.fromString(JSON.stringify(json));
  const ours = bpeFromJson({ tokenizer: json });
  const theirs = await peer.encodeBatch([...texts], { addSpecialTokens: false });
  texts.forEach((text, i) => {
    const expected = theirs[i]!.getIds().map((id) => id + 1);
    expect(ours.encode(text), JSON.stringify(text)).toEqual(expected);
  });
}

/** Texts made of what cutting and merging look at. */
const texts = fc.sample(
  fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc
      .array(
        fc.constantFrom(
          ...[
            ' ',
            '  ',
            '\n',
            '\r\n',
            '\t',
            '\u00a0',
            '\u2003',
            '\u0085',
            '\ufeff',
            "'",
            "'s",
            "'re",
          ],
          ...[
            "'LL",
            'the',
            'The',
            'Σίσυφος',
            'ΟΔΟΣ',
            '12',
            '½',
            '٣',
            '...',
            '!',
            '👩‍👩‍👧',
            '🇩🇪',
            'e\u0301',
          ],
          ...[
            '\u00e9',
            'ﬁ',
            '\ud800',
            '<|end|>',
            '<mask>',
            '<pad>',
            'zqt',
            'İ',
            '\u{1f600}',
            '中文',
            'ａ',
          ],
        ),
        { maxLength: 12 },
      )
      .map((parts) => parts.join('')),
  ),
  { numRuns: tries(150), seed: 1 },
);

const addedToken = (id: number, content: string, options: object = {}) => ({
  ...{ id, content, single_word: false, lstrip: false, rstrip: false },
  ...{ normalized: false, special: true, ...options },
});
const llamaPattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };

describe('the ids are those of the tokenizers package', () => {
  const all = [...texts, ...corpus, mixedText, 'ab'.repeat(5000), 'a'.repeat(5000), '', '<|end|>!'];

  it.each([
    ['trained here', {}],
    ['in lower case', { normalizer: { type: 'Lowercase' } }],
    [
      'with a blank before the first word',
      { pre_tokenizer: { ...byteLevel, add_prefix_space: true } },
    ],
    ['normalized to NFC', { normalizer: { type: 'NFC' } }],
    [
      'normalized in two steps',
      {
        normalizer: { type: 'Sequence', normalizers: [{ type: 'NFKD' }, { type: 'StripAccents' }] },
      },
    ],
    [
      'cut by a pattern of its own',
      {
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [
            {
              type: 'Split',
              pattern: { Regex: llamaPattern },
              behavior: 'Isolated',
              invert: false,
            },
            { ...byteLevel, use_regex: false },
          ],
        },
        model: { ignore_merges: true },
      },
    ],
    ['one word', { pre_tokenizer: { ...byteLevel, use_regex: false } }],
    [
      'with added tokens',
      {
        normalizer: { type: 'Lowercase' },
        added_tokens: [
          addedToken(1499, '<|end|>'),
          addedToken(1500, '<|end|>!'),
          addedToken(1501, '<mask>', { lstrip: true }),
          addedToken(1502, '<pad>', { rstrip: true }),
          addedToken(1503, 'zqt', { single_word: true, normalized: true }),
          addedToken(1504, 'THE', { normalized: true, special: false }),
        ],
      },
    ],
  ])('%s', async (_, parts) => {
    await expectPeerIds(await vary(parts), all);
  });

  it('with merges written as in older files, and bytes that are missing', async () => {
    const { model } = await vary();
    const merges = model.merges.map((pair) => pair.join(' '));
    await expectPeerIds(await vary({ model: { merges } }), all);
    const vocab = { ...model.vocab };
    delete vocab['Q'];
    const rest = model.merges.filter((pair) => !pair.join('').includes('Q'));
    await expectPeerIds(await vary({ model: { vocab, merges: rest } }), [...all, 'tQhe Quick Q']);
  });
});

describe('training', () => {
  it('learns the merges that the package learns', async () => {
    const lines = corpus.flatMap((text) => text.split(/(?<=\n)/));
    const { dir } = await scratch({ 'text.txt': lines.join('') });
    const peer = new Peer(BPE.empty());
    peer.setPreTokenizer(byteLevelPreTokenizer(false, true));
    peer.train([`${dir}/text.txt`]);
    peer.save(`${dir}/peer.json`);
    const theirs = JSON.parse(await readFile(`${dir}/peer.json`, 'utf8')) as TokenizerJson;
    const ours = (await train({}, lines)).toJSON().tokenizer as TokenizerJson;
    expect(ours.model.merges.length).toBeGreaterThan(1000);
    expect(theirs.model.merges.slice(0, ours.model.merges.length)).toEqual(ours.model.merges);
  });

  it('gives the same bytes whatever the order of the texts, and every id below the size', async () => {
    const one = JSON.stringify(await train());
    expect(JSON.stringify(await train({}, corpus.toReversed()))).toBe(one);
    const tokenizer = await train({ vocabularySize: 300 });
    expect(tokenizer.vocabularySize).toBe(300);
    const ids = corpus.flatMap((text) => tokenizer.encode(text));
    expect(ids.reduce((most, id) => Math.max(most, id))).toBeLessThan(300);
    expect(ids.reduce((least, id) => Math.min(least, id))).toBeGreaterThan(0);
  });

  it('ends early where no pair occurs twice', async () => {
    expect((await train({}, ['abab'])).vocabularySize).toBe(258);
    expect((await train({}, [])).encode('hé')).toHaveLength(3);
  });

  it('samples a text that is longer than trainBytes, evenly and always the same', async () => {
    const halves = ['a b c '.repeat(20_000), 'xyxy zzz '.repeat(20_000)];
    const tokenizer = await train({ trainBytes: 150_000 }, halves);
    expect(JSON.stringify(await train({ trainBytes: 150_000 }, halves))).toBe(
      JSON.stringify(tokenizer),
    );
    expect(tokenizer.encode(' xyxy zzz')).toHaveLength(2);
  });

  it('takes every n-th text of a long stream', async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `text ${1000 + i}`);
    const whole = (text: string): number => text.length;
    const sampleOf = async (texts: string[]): Promise<string[]> =>
      (await sampleTexts(stream(texts), 100 * 9, whole)).map(String);
    expect(await sampleOf(names)).toEqual(names.filter((_, i) => i % 16 === 0));
    expect(await sampleOf(names.slice(0, 100))).toEqual(names.slice(0, 100));
  });

  it('takes names of object members for tokens like any other', async () => {
    const words = 'constructor toString hasOwnProperty';
    const tokenizer = await train({}, [words, words]);
    const json: unknown = JSON.parse(JSON.stringify(tokenizer));
    const again = tokenizerFromJson(serializedTokenizerSchema.parse(json));
    expect(tokenizer.encode(words)).toHaveLength(3);
    expect(again.encode(words)).toEqual(tokenizer.encode(words));
    const { model } = await vary();
    const vocab: unknown = JSON.parse(
      JSON.stringify(model.vocab).replace(/}$/, ',"__proto__":1499}'),
    );
    const parts = { model: { vocab, ignore_merges: true } };
    const preTokenizer = { ...byteLevel, use_regex: false };
    await expectPeerIds(await vary({ ...parts, pre_tokenizer: preTokenizer }), ['__proto__']);
  });
});

describe('a text that goes on', () => {
  it('is cut where its ids stay the same', async () => {
    for (const parts of [{}, { normalizer: { type: 'Lowercase' } }]) {
      const tokenizer = bpeFromJson({ tokenizer: await vary(parts) });
      for (const text of [...texts, ...corpus]) {
        for (let end = 0; end <= Math.min(text.length, 40); end += 4) {
          const at = tokenizer.cut(text.slice(0, end));
          const pieces = [text.slice(0, at), text.slice(at)];
          expect(pieces.flatMap((piece) => tokenizer.encode(piece))).toEqual(
            tokenizer.encode(text),
          );
        }
      }
      expect(tokenizer.cut('the cat. sa')).toBe(8);
      expect(tokenizer.cut('cat   ')).toBe(3);
      expect(tokenizer.cut(' 猫\n\n')).toBe(2);
    }
  });
});

describe('a file', () => {
  it('is taken as it is, its ids shifted by one', async () => {
    const { dir } = await scratch();
    const json = await vary({ added_tokens: [addedToken(1499, '<|end|>')], extra: { kept: true } });
    await writeFile(`${dir}/tokenizer.json`, JSON.stringify(json));
    const tokenizer = loadBpeTokenizer(`${dir}/tokenizer.json`);
    expect(tokenizer.toJSON()).toEqual({ kind: 'bpe', tokenizer: json });
    expect(tokenizer.vocabularySize).toBe(1501);
    expect(tokenizer.encode('<|end|>')).toEqual([1500]);
    expect(tokenizer.decode([1500, 0])).toBe('<|end|>');
  });

  it.each([
    ['no JSON', '{"model":', /tokenizer\.json is no tokenizer\.json that can be used: .*JSON/],
    ['another kind', { model: { type: 'WordPiece' } }, /model\.type: .*BPE/],
    ['no vocabulary', { model: { vocab: [] } }, /model\.vocab: expected an object of ids/],
    ['an id that is none', { model: { vocab: { a: -1 } } }, /model\.vocab: expected an id for "a"/],
    ['a stranger in a merge', { model: { merges: [['a', '猫']] } }, /merge 1 \("a 猫"\)/],
    [
      'characters for bytes',
      { pre_tokenizer: { type: 'Whitespace' } },
      /pre_tokenizer: .*ByteLevel/,
    ],
    ['an unknown normalizer', { normalizer: { type: 'Nothing' } }, /normalizer: /],
    ['an added token out of order', { added_tokens: [addedToken(5000, 'x!')] }, /id 1499 for "x!"/],
    ['chance', { model: { dropout: 0.1 } }, /model\.dropout: .*random/],
  ])('with %s is refused in one sentence', async (_, content, message) => {
    const text = typeof content === 'string' ? content : JSON.stringify(await vary(content));
    const { path } = await scratch({ 'tokenizer.json': text });
    const load = () => loadBpeTokenizer(path('tokenizer.json'));
    expect(load).toThrow(UserError);
    expect(load).toThrow(message);
    expect(load).not.toThrow(/\n/);
  });

  it('that is missing is named', () => {
    expect(() => loadBpeTokenizer('nowhere.json')).toThrow(/there is no file nowhere\.json/);
  });
});
