import { nextCommand } from '../observe/next-command.js';
import type { Context } from './context.js';
import { printLines } from './table.js';

/**
 * Tells whoever has tried a model in a terminal where its answers are and what brings it into use. Where nobody looks there is nobody
 * to type it.
 */
export function hintServe(context: Context, run: string, out?: string): void {
  if (context.stderr.isTTY !== true || context.status !== 0) return;
  const place = out === undefined ? [] : [`Answers: ${out}`];
  printLines(context.stderr, [...place, `Next: ${nextCommand(context.program, ['serve', run])}`]);
}
