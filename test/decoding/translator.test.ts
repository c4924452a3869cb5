import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { decodingSizes } from '../../src/decoding/translator.js';

const config = parseConfig(
  'task: translate\ndata: { train: { source: a, target: b }, maxSourceLength: 50 }',
  'x.yaml',
);

it('reads more sentences at once than go on together, whatever the beam, so that others take the places of ended ones', () => {
  for (const width of [undefined, 1, 2, 5]) {
    const { maxRows, maxTokens, source } = decodingSizes(config, width);
    // 128 go on together.
    expect([maxRows, maxTokens, source!.maxTokens]).toEqual([640, 640, 128 * 50]);
  }
  expect(decodingSizes(config, 1000).maxRows).toBe(1000);
});
