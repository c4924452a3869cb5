import fc from 'fast-check';
import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import { clip, fitLine } from '../../../src/observe/terminal/fit.js';
import { Screen } from '../../../src/observe/terminal/screen.js';
import { FakeTerminal } from './fake-terminal.js';

const plain = (text: string) => text;

test('a block is drawn anew in its place, and lines stay above it in their order', () => {
  const terminal = new FakeTerminal();
  const screen = new Screen(terminal);
  screen.print('first');
  screen.draw(['a 1', 'b 1']);
  screen.draw(['a 2', 'b 2', 'c 2']);
  screen.print('second');
  screen.draw(['a 3']);
  expect(terminal.screen).toEqual(['first', 'second', 'a 3']);
});

test('whatever is drawn and printed at whatever widths, nothing of an earlier block is left', () => {
  const action = fc.oneof(
    fc.record({ line: fc.stringMatching(/^[a-z 漢é😀]{1,60}$/u) }),
    fc.record({ block: fc.array(fc.stringMatching(/^[A-Z 漢]{0,90}$/), { maxLength: 5 }) }),
    fc.record({ columns: fc.integer({ min: 20, max: 120 }) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 20 }), (actions) => {
      const terminal = new FakeTerminal(80);
      const screen = new Screen(terminal);
      const printed: string[] = [];
      let block: string[] = [];
      for (const each of actions) {
        if ('columns' in each) terminal.columns = each.columns;
        else if ('line' in each) {
          screen.print(each.line);
          printed.push(each.line);
        } else {
          block = each.block.map((line) => clip(line, screen.columns));
          screen.draw(block);
        }
      }
      const text = (lines: string[]) => lines.join('').replaceAll(' ', '');
      expect(text(terminal.screen)).toBe(text([...printed, ...block]));
    }),
  );
});

test('each change is one write that leaves the cursor visible', () => {
  const terminal = new FakeTerminal();
  const writes: string[] = [];
  const write = terminal.write.bind(terminal);
  terminal.write = (chunk: string) => (writes.push(chunk), write(chunk));
  const screen = new Screen(terminal);
  screen.draw(['one', 'two']);
  screen.print('line');
  expect(writes).toHaveLength(2);
  expect(terminal.raw).not.toContain('\u001b[?25l');
});

test('a block that is higher than the terminal is cut, since it could not be erased', () => {
  const terminal = new FakeTerminal();
  terminal.rows = 3;
  const screen = new Screen(terminal);
  for (let i = 0; i < 3; i++) screen.draw(['a', 'b', 'c', 'd']);
  expect(terminal.screen).toEqual(['a', 'b']);
});

test('a terminal that does not tell its size is taken for one of 80 columns', () => {
  const terminal = new FakeTerminal(0);
  expect(new Screen(terminal).columns).toBe(79);
});

test('a line has as many pieces as fit, the important ones first, and is never too wide', () => {
  const pieces = [{ text: 'bar' }, { text: 'epoch', rank: 2 }, { text: 'left', rank: 1 }];
  expect(fitLine(pieces, 16, plain)).toBe('bar  epoch  left');
  expect(fitLine(pieces, 15, plain)).toBe('bar  left');
  expect(fitLine(pieces, 8, plain)).toBe('bar');
  expect(fitLine(pieces, 2, plain)).toBe('b…');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 30 }), (text, width) => {
      expect(stringWidth(clip(text, width))).toBeLessThanOrEqual(width);
    }),
  );
  expect(clip('漢字漢字', 6)).toBe('漢字…');
});
