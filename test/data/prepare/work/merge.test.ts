import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { buckets } from '../../../../src/data/prepare/pieces/piece.js';
import { PieceBuilder } from '../../../../src/data/prepare/pieces/piece-builder.js';
import { countPiece } from '../../../../src/data/prepare/work/count.js';
import type { BuildJob } from '../../../../src/data/prepare/work/job.js';
import { countLetters, mergeWords } from '../../../../src/data/prepare/work/merge.js';
import { createTally } from '../../../../src/data/prepare/work/tally.js';
import { createLocalCutter } from '../../../../src/data/tokenizers/local-cutter.js';
import { WordTable } from '../../../../src/data/tokenizers/word-table.js';
import { useScratch } from '../../scratch.js';

const scratch = useScratch();
afterEach(() => vi.restoreAllMocks());

/** Also of letters whose code units come in another order than their UTF-8. */
const words = fc.array(
  fc.string({ unit: fc.constantFrom('a', 'b', 'é', '\uffee', '😀'), minLength: 1, maxLength: 2 }),
  { minLength: 1, maxLength: 12 },
);

/** What a piece has of each of these words; the values of its feature are the words, too. */
async function count(dir: string, texts: readonly (readonly string[])[]): Promise<BuildJob> {
  const kept = { filters: '', lowerCase: false, split: ' ' };
  const builder = new PieceBuilder(await createLocalCutter({ kind: 'word', ...kept }), 1);
  const sourceTokens = texts.flat().length;
  const pieces: BuildJob['pieces'][number][] = [];
  for (const [i, text] of texts.entries()) {
    builder.addTexts([text.join(' ')]);
    builder.features.add([text]);
    const { record, synced } = await builder.finish(dir, `${i}.piece`, dir);
    await synced;
    const tokensBefore = texts.slice(0, i).flat().length;
    const place = { source: 0, name: 'a', from: 'train', rowsBefore: 0 } as const;
    pieces.push({ dir, ...place, tokensBefore, sourceTokens, record });
  }
  const fractions = { validation: 0, test: 0 };
  const job = {
    task: 'language-model',
    fractions,
    plainBytes: false,
    pieces,
    scratch: dir,
  } as const;
  pieces.forEach((_, index) => countPiece(job, index, createTally()));
  return job;
}

describe('words of all pieces', () => {
  it('are the most frequent ones, those that stood first or come first, and only these become texts', async () => {
    const spy = vi.spyOn(WordTable.prototype, 'word');
    const property = fc.asyncProperty(
      fc.array(words, { minLength: 1, maxLength: 3 }),
      fc.nat(6),
      fc.integer({ min: 1, max: 2 }),
      async (texts, limit, minCount) => {
        const job = await count((await scratch()).dir, texts);
        const all = texts.flat();
        const counts = new Map<string, number>();
        for (const word of all) counts.set(word, 1 + (counts.get(word) ?? 0));
        for (const stream of [0, 1]) {
          const before = spy.mock.calls.length;
          const among = stream === 0 ? ('places' as const) : ('code units' as const);
          const range = { streams: [stream], buckets: [0, buckets] as const };
          const asked = { ...range, among, minCount, limit };
          const merged = mergeWords(job, asked);
          expect(spy.mock.calls.length - before).toBeLessThanOrEqual(limit);
          const order = (a: string, b: string) =>
            stream === 0 ? all.indexOf(a) - all.indexOf(b) : a < b ? -1 : 1;
          const ranked = [...counts]
            .filter(([, times]) => times >= minCount)
            .sort(([a, most], [b, least]) => least - most || order(a, b));
          expect(merged.distinct).toBe(counts.size);
          expect(merged.words.map((each) => [each.word, each.count])).toEqual(
            ranked.slice(0, limit),
          );
        }
      },
    );
    await fc.assert(property, { numRuns: 40 });
  });

  it('have letters, counted over all of them', async () => {
    const job = await count((await scratch()).dir, [['abba', 'a😀'], ['abba'], ['c']]);
    const letters = countLetters(job, { streams: [1], buckets: [0, buckets] });
    expect(letters).toEqual(new Map(Object.entries({ a: 5, b: 4, '😀': 1, c: 1 })));
  });
});
