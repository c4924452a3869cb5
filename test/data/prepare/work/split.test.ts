import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkFractions, cutStream, dealRows } from '../../../../src/data/prepare/work/split.js';

const share = fc.double({ min: 0, max: 0.45, noNaN: true });

describe('the split of a row', () => {
  it('takes about the fractions asked for', () => {
    const deal = dealRows('mails.csv', { validation: 0.2, test: 0.1 });
    const counts = { train: 0, validation: 0, test: 0 };
    for (let row = 1; row <= 20_000; row++) counts[deal(row)] += 1;
    expect(Math.abs(counts.validation - 4000)).toBeLessThan(250);
    expect(Math.abs(counts.test - 2000)).toBeLessThan(200);
  });

  it('differs from file to file', () => {
    const fractions = { validation: 0.5, test: 0 };
    const deal = (name: string) =>
      Array.from({ length: 64 }, (_, i) => dealRows(name, fractions)(i));
    expect(deal('a.csv')).not.toEqual(deal('b.csv'));
  });

  it('of a test row does not depend on the validation fraction, nor the other way round', () => {
    fc.assert(
      fc.property(share, share, share, fc.nat(), (validation, test, other, row) => {
        const split = dealRows('x', { validation, test })(row);
        const wider = dealRows('x', { validation: Math.max(validation, other), test })(row);
        if (split === 'test') expect(wider).toBe('test');
        if (split === 'validation') expect(wider).toBe('validation');
      }),
    );
  });

  it('stays the same from version to version', () => {
    const deal = dealRows('mails.csv', { validation: 0.3, test: 0.3 });
    expect(Array.from({ length: 24 }, (_, i) => deal(i + 1)[0]).join('')).toMatchInlineSnapshot(
      `"vvvvttttttttttvvttvvttvt"`,
    );
  });

  it('is refused when nothing is left to train on', () => {
    expect(() => checkFractions({ validation: 0.5, test: 0.5 })).toThrow(/leave nothing to train/);
  });
});

describe('a stream', () => {
  it('is cut into its last parts', () => {
    expect(cutStream(100, { validation: 0.1, test: 0 })).toEqual({ validation: 90, test: 100 });
    expect(cutStream(1000, { validation: 0.2, test: 0.1 })).toEqual({ validation: 700, test: 900 });
  });
});
