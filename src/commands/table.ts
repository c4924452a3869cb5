import type { Writable } from 'node:stream';
import { printableLine } from '../system/printable.js';

/** Prints lines for people. */
export function printLines(stream: Writable, lines: readonly string[]): void {
  for (const line of lines) stream.write(`${printableLine(line)}\n`);
}

/** Rows of cells as aligned lines: the first column to the left, numbers to the right. */
export function formatTable(table: readonly (readonly string[])[]): string[] {
  const rows = table.map((row) => row.map(printableLine));
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]!.length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  '),
  );
}
