import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketBits, PieceFile, readTokens } from '../../../../src/data/prepare/pieces/piece.js';
import { PieceBuilder } from '../../../../src/data/prepare/pieces/piece-builder.js';
import { TextHasher } from '../../../../src/data/prepare/pieces/text-hash.js';
import { createLocalCutter } from '../../../../src/data/tokenizers/local-cutter.js';
import { VarintReader, VarintWriter } from '../../../../src/data/tokenizers/varints.js';
import { useScratch } from '../../scratch.js';

const scratch = useScratch();

describe('numbers in few bytes', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 })), (numbers) => {
        const writer = new VarintWriter();
        for (const number of numbers) writer.push(number);
        const one = new VarintReader(writer.bytes);
        expect(numbers.map(() => one.next())).toEqual(numbers);
        expect(one.done).toBe(true);
        const many = new Uint32Array(numbers.length);
        new VarintReader(writer.bytes).read(many, numbers.length);
        expect([...many]).toEqual(numbers);
      }),
    );
  });
});

describe('a piece', () => {
  it('gives back rows, words and tokens, and its builder begins anew', async () => {
    const { dir } = await scratch();
    const cutter = await createLocalCutter({
      kind: 'word',
      filters: '',
      lowerCase: false,
      split: ' ',
    });
    const builder = new PieceBuilder(cutter);
    const hasher = new TextHasher();
    for (const round of [1, 2]) {
      const texts = Array.from({ length: 3000 }, (_, i) => `w${i % 700} same${round} w${i}`);
      const counts = builder.addTexts(texts);
      texts.forEach((text, i) => {
        const place = { row: 2 * i + 1, line: 3 * i + 1 };
        builder.addRow(place, i % 2 ? 'odd' : `even${round}`, counts[i]!);
        builder.addHash(hasher.hash(text), place.row);
      });
      const { record, synced } = await builder.finish(dir, `x-${round}.piece`, dir);
      await synced;
      expect(record).toMatchObject({
        rows: 3000,
        tokens: 9000,
        words: 3001,
        labels: [`even${round}`, 'odd'],
      });
      const piece = new PieceFile(dir, record);
      const numbers = piece.readWords('wordNumbers');
      const ends = piece.readWords('wordEnds');
      const letters = piece.read('letters');
      const words: string[] = [];
      numbers.forEach((number, i) => {
        words[number] = letters.subarray(i === 0 ? 0 : ends[i - 1], ends[i]).toString();
      });
      const tokens = new Uint32Array(9000);
      readTokens(piece, false).read(tokens, 9000);
      expect(Array.from(tokens, (token) => words[token]).join(' ')).toBe(texts.join(' '));
      const rows: unknown[] = [];
      piece.eachRow('one label', ({ row, line }, [label], length) =>
        rows.push([row, line, label!, length]),
      );
      expect(rows).toEqual(texts.map((_, i) => [2 * i + 1, 3 * i + 1, i % 2, 3]));
      const read = piece.read('rowHashes');
      const hashes = new BigUint64Array(read.buffer, read.byteOffset, read.length / 8);
      const found = Array.from(piece.readWords('hashRows'), (row, i) => [row, hashes[i]]);
      expect(found.sort(([a], [b]) => Number(a) - Number(b))).toEqual(
        texts.map((text, i) => [2 * i + 1, hasher.hash(text)]),
      );
      const places = Array.from(hashes, (hash) => Number(hash >> BigInt(64 - bucketBits)));
      expect(places).toEqual([...places].sort((a, b) => a - b));
      const starts = piece.readWords('rowBuckets');
      places.forEach((bucket, i) => {
        expect(i >= starts[bucket]! && i < starts[bucket + 1]!).toBe(true);
      });
      piece.close();
    }
  });
});

describe('the hash of a text', () => {
  it('is another one for another text, and spreads over all buckets', () => {
    const hasher = new TextHasher();
    const texts = Array.from({ length: 20_000 }, (_, i) =>
      i % 2 ? `row ${i}` : 'x'.repeat(i / 8),
    );
    const hashes = new Set(texts.map((text) => hasher.hash(text)));
    expect(hashes.size).toBe(new Set(texts).size);
    expect(new Set(Array.from(hashes, (hash) => hash >> 56n)).size).toBe(256);
    expect(new Set(Array.from(hashes, (hash) => hash & 0xffn)).size).toBe(256);
  });
});
