import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { formatJsonSchema } from '../../src/config/json-schema.js';

const file = new URL('../../configs/schema.json', import.meta.url);

test('configs/schema.json holds what `lockstep schema` prints', async () => {
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(JSON.parse(formatJsonSchema()));
});
