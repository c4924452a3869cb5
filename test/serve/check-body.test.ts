import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { findFault } from '../../src/serve/check-body.js';
import { list, number, object, text, whole } from '../../src/serve/schemas.js';

/** A validator of everything that JSON Schema has. */
const fromCompiler = createRequire(createRequire(import.meta.url).resolve('@fastify/ajv-compiler'));
const { Ajv2020 } = fromCompiler('ajv/dist/2020.js') as {
  Ajv2020: new (options: object) => { compile: (schema: object) => (value: unknown) => boolean };
};

const schema = object(
  {
    texts: list(text('A text.', 5), 3),
    rows: list(object({ tokens: list(text('A token.')), columns: list(list(text('A text.'))) })),
    any: list({}),
    beam: whole('A number.', 1, 8),
    temperature: number('A number.', { minimum: 0, maximum: 100 }),
  },
  ['texts'],
);

/** Mostly what the schema asks for, and beside it what it does not. */
const odd = fc.oneof(
  { weight: 1, arbitrary: fc.jsonValue() },
  { weight: 1, arbitrary: fc.constantFrom(null, '', 0, 1.5, -1, 9, 101, [], {}, true) },
);
const or = (usual: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 40, arbitrary: usual }, { weight: 1, arbitrary: odd });
const textOf = or(fc.string({ maxLength: 7, unit: 'grapheme' }));
const row = or(
  fc.record(
    { tokens: or(fc.array(textOf)), columns: or(fc.array(or(fc.array(textOf)))), other: odd },
    { requiredKeys: ['tokens', 'columns'] },
  ),
);
const body = or(
  fc.record(
    {
      texts: or(fc.array(textOf, { minLength: 1, maxLength: 4 })),
      rows: or(fc.array(row, { maxLength: 3 })),
      any: or(fc.array(odd)),
      beam: or(fc.integer({ min: 0, max: 9 })),
      temperature: or(fc.double({ min: -1, max: 101, noNaN: true })),
    },
    { requiredKeys: ['texts'] },
  ),
);

test('a body is refused where JSON Schema refuses it, and only there', () => {
  const isValid = new Ajv2020({ strict: true }).compile(schema);
  const seen = { valid: 0, faulty: 0 };
  fc.assert(
    fc.property(body, (given) => {
      // As it would come over the wire.
      const value: unknown = JSON.parse(JSON.stringify(given));
      const fault = findFault(schema, value);
      seen[fault === undefined ? 'valid' : 'faulty']++;
      expect(fault === undefined, fault).toBe(isValid(value));
    }),
    { numRuns: 2000 },
  );
  expect(Math.min(seen.valid, seen.faulty)).toBeGreaterThan(50);
});

it.each([
  [{ texts: ['a', 5] }, 'texts[1]: expected a text, got 5'],
  [{ texts: ['a', 'aaaaaa'] }, 'texts[1]: expected at most 5 characters'],
  [{ texts: ['🙂🙂🙂🙂🙂'] }, undefined],
  [{ texts: ['a'], rows: [{ tokens: [] }] }, 'rows[0]: columns: missing'],
  [
    { texts: ['a'], rows: [{ tokens: [], columns: [[0]] }] },
    'rows[0].columns[0][0]: expected a text, got 0',
  ],
  [{ texts: ['a'], beam: 1.5 }, 'beam: expected a whole number, got 1.5'],
  [{ texts: ['a'], beam: 9 }, 'beam: expected a number <= 8, got 9'],
  [{ texts: ['a'], temperature: -1 }, 'temperature: expected a number >= 0, got -1'],
  [JSON.parse('{ "texts": ["a"], "__proto__": 1 }'), '__proto__: unknown key'],
])('%j', (value, fault) => {
  expect(findFault(schema, value)).toBe(fault);
});
