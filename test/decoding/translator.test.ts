import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { decodingSizes } from '../../src/decoding/translator.js';

const config = parseConfig(
  'task: translate\ndata: { train: { source: a, target: b }, maxSourceLength: 50 }',
  'x.yaml',
);

it('reads more sentences at once than go on together, whatever the beam, so that others take the places of ended ones', () => {
  // 128 go on together.
  for (const [width, rows] of [
    [undefined, 640],
    [1, 384],
    [2, 384],
    [5, 640],
  ] as const) {
    const { maxRows, maxTokens, source } = decodingSizes(config, width);
    expect([maxRows, maxTokens, source!.maxTokens]).toEqual([rows, rows, 128 * 50]);
  }
  expect(decodingSizes(config, 1000).maxRows).toBe(1000);
});
