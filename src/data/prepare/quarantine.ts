import { open } from 'node:fs/promises';
import type { Source } from '../input/sources.js';
import type { BuildJob } from './work/job.js';
import { readBadRows } from './pieces/piece.js';

/**
 * Writes all bad rows with their true places, one JSON object a line; no file where there are none.
 *
 * @param linesBefore Of each piece's source before the extent that the piece is of.
 */
export async function writeQuarantine(
  path: string,
  pieces: BuildJob['pieces'],
  linesBefore: readonly number[],
  sources: readonly Pick<Source, 'path' | 'target'>[],
): Promise<void> {
  if (pieces.every(({ record }) => record.badRows === 0)) return;
  const file = await open(path, 'wx');
  try {
    for (const [i, { dir, record, rowsBefore, source }] of pieces.entries()) {
      if (record.badRows === 0) continue;
      const { path: own, target } = sources[source]!;
      const rows = readBadRows(dir, record).map(({ isOfTarget, ...bad }) => ({
        source: isOfTarget && target ? target.path : own,
        ...bad,
        line: linesBefore[i]! + bad.line,
        row: bad.row === 0 ? 0 : rowsBefore + bad.row,
      }));
      await file.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
