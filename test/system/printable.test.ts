import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatTable, printLines } from '../../src/commands/table.js';
import { showProgress } from '../../src/observe/progress.js';
import { printable, printableName } from '../../src/system/printable.js';
import { trackStatus } from '../../src/observe/status.js';
import { startEvent } from '../observe/events.js';
import { runWith } from '../commands/stub.js';
import { UserError } from '../../src/errors.js';

/** What could move a cursor, or show text in another order than it has. */
const dangerous = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
const hostile = 'spam\u001b[2J\u009b1m\u202etxt.\u2066\r\u0007\u007f';

it('shows no control character and no directional mark, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text).replaceAll('\n', '')).not.toMatch(dangerous);
      // All the rest stays, emoji and accents too.
      if (/^[\p{L}\p{N}\p{P}\p{S} \n]*$/u.test(text)) expect(printable(text)).toBe(text);
    }),
  );
  expect(printable('a\u001b[1mé😀\nb')).toBe('a\\u001b[1mé😀\nb');
});

it('holds for tables, lines, progress, notices and refusals', async () => {
  const stream = new PassThrough();
  printLines(stream, [`${hostile}\n`, ...formatTable([['class'], [hostile]])]);
  const progress = showProgress(stream);
  progress.observe({ type: 'notice', message: `x "${hostile}"\n` });
  progress.observe({ type: 'worker', kind: 'died', reason: hostile });
  progress.close();
  stream.end();
  let shown = '';
  for await (const piece of stream) shown += String(piece);
  expect(shown.split('\n').length).toBe(6);
  const describeBackends = () => {
    throw new UserError(hostile);
  };
  const { stderr } = await runWith(['doctor'], { describeBackends });
  for (const text of [shown, stderr]) {
    expect(text.replaceAll('\n', '')).not.toMatch(dangerous);
    expect(text).toContain('spam\\u001b[2J\\u009b1m\\u202etxt.\\u2066\\u000d\\u0007\\u007f');
  }
});

it('shows different names of classes differently, however much white space they have', () => {
  const name = fc.string({
    unit: fc.constantFrom('a', ' ', '\t', '\n', '\u00a0', '\u3000', '"', '\u202e'),
  });
  fc.assert(
    fc.property(name, name, (one, other) => {
      const shown = printableName(one);
      expect(shown).toMatch(/^[ a"\\\w]+$/);
      expect(shown).toBe(shown.trim());
      if (one !== other) expect(shown).not.toBe(printableName(other));
    }),
  );
  expect(printableName('ham ')).toBe('"ham "');
  expect(printableName('two words')).toBe('two words');
});

it('keeps a sentence one line, whatever stands in its names', async () => {
  const name = 'a\nb\u2028c\u202e.csv';
  const refuse = (error: UserError) =>
    runWith(['doctor'], {
      describeBackends: () => {
        throw error;
      },
    });
  const one = await refuse(new UserError(`${name} is no CSV.`));
  expect(one.stderr).toBe('a\\nb\\u2028c\\u202e.csv is no CSV.\n');
  const several = await refuse(new UserError([`${name}: a`, `${name}: b`]));
  expect(several.stderr.split('\n')).toHaveLength(3);
  const set = await runWith(['train', '--config', 'configs/quickstart.yaml', '--set', `x\ny=1`]);
  expect(set.stderr).toMatch(/^--set x\\ny=1: .*\n$/);
});

it('holds for what the live page is given', () => {
  const status = trackStatus();
  status.observe({ ...startEvent(), runDir: `runs/${hostile}\n` });
  status.observe({ type: 'notice', message: `${hostile}\nx` });
  const { run, notice } = status.read();
  expect(`${run!.runDir} ${notice!}`).not.toMatch(dangerous);
});
