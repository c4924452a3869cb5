import { nextCommand } from '../observe/next-command.js';
import type { Context } from './context.js';
import { printLines } from './table.js';

/**
 * Tells whoever has tried a model what brings it into use: in a terminal, or where answers went to a file. What is piped on has
 * nobody who would type it.
 */
export function hintServe(context: Context, run: string, out?: string): void {
  if (context.stderr.isTTY !== true && out === undefined) return;
  const place = out === undefined ? [] : [`Answers: ${out}`];
  printLines(context.stderr, [...place, `Next: ${nextCommand(context.program, ['serve', run])}`]);
}
