import { describe, expect, it } from 'vitest';
import {
  fillUniform,
  philox,
  PURPOSE,
  streamOf,
  uniform,
  type Words,
} from '../../src/tensor/random.js';

describe('philox', () => {
  // Known answers that Random123, by the generator's authors, gives for philox4x32-10.
  const answers: { counter: Words; key: [number, number]; expected: Words }[] = [
    {
      counter: [0, 0, 0, 0],
      key: [0, 0],
      expected: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    },
    {
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff],
      expected: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      expected: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ];

  it.each(answers)('gives the known answer for key $key', ({ counter, key, expected }) => {
    expect(philox(counter, key)).toEqual(expected);
  });
});

describe('streamOf', () => {
  // Known answers of the authors' test suite for 32-bit FNV-1a.
  it.each([
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
  ])('gives the known answer for %j', (name, expected) => {
    expect(streamOf(name)).toBe(expected);
  });
});

describe('fillUniform', () => {
  const draw = (
    length: number,
    seed = 7,
    purpose: number = PURPOSE.weights,
    stream = 2,
  ): Float32Array => {
    const out = new Float32Array(length);
    fillUniform(out, 0.25, seed, purpose, stream);
    return out;
  };

  it('gives the same numbers for the same key, and the beginning of them to a shorter array', () => {
    expect(draw(1001)).toEqual(draw(1001));
    expect(draw(1001).subarray(0, 6)).toEqual(draw(6));
  });

  it('gives others for another seed, purpose or stream', () => {
    const first = draw(8);
    expect(draw(8, 8)).not.toEqual(first);
    expect(draw(8, 7, PURPOSE.sampling)).not.toEqual(first);
    expect(draw(8, 7, PURPOSE.weights, 3)).not.toEqual(first);
  });

  it('stays within its bound and spreads evenly', () => {
    const values = draw(40_000);
    expect(values.every((value) => value >= -0.25 && value < 0.25)).toBe(true);
    for (let tenth = 0; tenth < 10; tenth++) {
      const low = -0.25 + tenth * 0.05;
      const count = values.filter((value) => value >= low && value < low + 0.05).length;
      // 4000 expected; four standard deviations are 240.
      expect(Math.abs(count - 4000), `from ${low}`).toBeLessThan(240);
    }
  });
});

describe('uniform', () => {
  it('lies in [0, 1) and depends on its key and index alone', () => {
    const draws = Array.from({ length: 1000 }, (_, i) => uniform(3, PURPOSE.sampling, 0, i));
    expect(draws.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(new Set(draws).size).toBe(1000);
    expect(uniform(3, PURPOSE.sampling, 0, 500)).toBe(draws[500]);
  });
});
