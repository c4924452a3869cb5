import { expect, it } from 'vitest';
import { networkShape } from '../../src/compute/sizes.js';
import { parseConfig } from '../../src/config/load.js';
import { ModelEngine } from '../../src/use/model-engine.js';

function rowsAtOnce(attention: string): number {
  const model = `{ layers: [{ cell: rnn, hiddenSize: 1024 }]${attention} }`;
  const text = `task: language-model\ndata: { train: a.txt }\nmodel: ${model}\n`;
  const config = parseConfig(text, 'x.yaml');
  return new ModelEngine(config, networkShape(config, 9, []), new Map()).rowSizes.maxRows;
}

it('fewer rows are planned for where each remembers many tokens, and one at least', () => {
  expect(rowsAtOnce('')).toBe(64);
  expect(rowsAtOnce(', attention: { kind: dot, span: 64 }')).toBe(63);
  expect(rowsAtOnce(', attention: { kind: dot, span: 1024 }')).toBe(3);
  expect(rowsAtOnce(', attention: { kind: dot, span: 4096 }')).toBe(1);
});
