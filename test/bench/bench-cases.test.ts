import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { BENCH_CASES, shapeOf, sizesOf } from '../../src/bench/bench-cases.js';
import { planEngine } from '../../src/compute/engine-memory.js';
import { describeNetwork } from '../../src/model/graph/describe.js';

it.each(BENCH_CASES.map((each) => [each.name, each] as const))(
  '%s is a network that can be planned, with a class of every row or a word of every token on top',
  (_name, benchCase) => {
    const { top } = describeNetwork(shapeOf(benchCase, 0));
    const { classes, vocabulary } = benchCase;
    expect(top).toMatchObject(
      classes > 0 ? { per: 'row', width: classes } : { per: 'token', width: vocabulary },
    );
    const sizes = sizesOf(benchCase, { workers: 2, shards: 16, dropout: 0 });
    expect(planEngine('native', sizes).buffers.bytes).toBeGreaterThan(0);
  },
);

it('PyTorch is timed on the same cases', () => {
  const script = readFileSync(new URL('../../scripts/pytorch_bench.py', import.meta.url), 'utf8');
  const cases = script.slice(script.indexOf('CASES = {'), script.indexOf('\n}\n'));
  const names = [...cases.matchAll(/^ {4}"([^"]+)": dict\(/gm)].map(([, name]) => name);
  expect(names).toEqual(BENCH_CASES.map(({ name }) => name));
});
