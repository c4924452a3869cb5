import { open } from 'node:fs/promises';
import type { BuildJob } from './job.js';
import { PieceFile } from './piece.js';

/**
 * Writes all bad rows with their true places, one JSON object a line; no file where there are none.
 *
 * @param linesBefore Of each piece's source before the extent that the piece is of.
 */
export async function writeQuarantine(
  path: string,
  pieces: BuildJob['pieces'],
  linesBefore: readonly number[],
): Promise<void> {
  if (pieces.every(({ record }) => record.badRows === 0)) return;
  const file = await open(path, 'wx');
  try {
    for (const [i, { dir, record, rowsBefore }] of pieces.entries()) {
      if (record.badRows === 0) continue;
      const piece = new PieceFile(dir, record);
      const rows = piece.badRows().map((bad) => ({
        ...bad,
        line: linesBefore[i]! + bad.line,
        row: rowsBefore + bad.row,
      }));
      piece.close();
      await file.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
