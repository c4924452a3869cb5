import { expect, test } from 'vitest';
import { paintFor } from '../../../src/observe/terminal/colour.js';

test.each([
  ['a terminal', true, {}, true],
  ['a pipe', false, {}, false],
  ['a terminal with NO_COLOR', true, { NO_COLOR: '1' }, false],
  ['a terminal with an empty NO_COLOR', true, { NO_COLOR: '' }, true],
  ['a dumb terminal', true, { TERM: 'dumb' }, false],
  ['a pipe with FORCE_COLOR', false, { FORCE_COLOR: '1' }, true],
  ['a pipe with an empty FORCE_COLOR', false, { FORCE_COLOR: '' }, true],
  ['a terminal with FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, false],
  ['a terminal with both', true, { NO_COLOR: '1', FORCE_COLOR: '1' }, true],
] as const)('of %s the right thing is assumed', (_, isTTY, env, coloured) => {
  const painted = paintFor({ isTTY }, env)('best', 'good');
  expect(painted).toBe(coloured ? '\u001b[32mbest\u001b[39m' : 'best');
});
