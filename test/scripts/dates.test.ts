import { expect, test } from 'vitest';

const script = new URL('../../scripts/dates.js', import.meta.url).href;
const { makeDates } = (await import(script)) as {
  makeDates: (splits: Record<string, number>) => Record<string, string>;
};

const linesOf = (text: string): string[] => text.trimEnd().split('\n');

test('written dates come with their ISO dates, the same ones every time, and none in two splits', () => {
  const files = makeDates({ train: 3000, test: 500 });
  expect(makeDates({ train: 3000, test: 500 })).toEqual(files);
  const [train, iso] = [linesOf(files['train.written.txt']!), linesOf(files['train.iso.txt']!)];
  const held = linesOf(files['test.written.txt']!);
  expect([train.length, iso.length, held.length]).toEqual([3000, 3000, 500]);
  expect(new Set([...train, ...held]).size).toBe(3500);
  const german = train.findIndex((text) => /^\d+\. Juli \d{4}$/.test(text));
  const [day, , year] = train[german]!.split(/[. ]+/);
  expect(iso[german]).toBe(`${year}-07-${day!.padStart(2, '0')}`);
  for (const each of iso) expect(each).toMatch(/^(?:19|20)\d\d-[01]\d-[0-3]\d$/);
});
