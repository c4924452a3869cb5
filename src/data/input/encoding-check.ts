import { isUtf8 } from 'node:buffer';
import { UserError } from '../../errors.js';
import type { Encoding } from './encodings.js';
import { readContent } from './source-text.js';
import { nameSource, type Notify, type Source, standardInput } from './sources.js';
import { measureOpenEnd } from './utf8.js';

/** Bytes that are looked at. */
const lookedAt = 2 ** 20;

/**
 * Tells of files that are read in an encoding of single bytes, in which any bytes are text, and that are UTF-8 as far as their
 * first MiB shows: few texts in another encoding are.
 */
export async function checkEncodings(
  sources: readonly Source[],
  encoding: Encoding | undefined,
  notify: Notify,
): Promise<void> {
  if (encoding !== 'latin1' && encoding !== 'windows-1252') return;
  for (const source of sources.flatMap((each) => [each, ...(each.target ? [each.target] : [])])) {
    if (source.format === 'parquet' || source.path === standardInput) continue;
    const start = await readStart(source);
    const whole = start.subarray(0, start.length - measureOpenEnd(start));
    if (!isUtf8(whole) || whole.every((byte) => byte < 0x80)) continue;
    notify(
      `${nameSource(source.path)} is read as ${encoding}, but its bytes are UTF-8: if that is meant, leave data.encoding out.`,
    );
  }
}

/** None of a file that cannot be read, which will be said where it is read. */
async function readStart(source: Source): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of readContent(source)) {
      pieces.push(piece);
      length += piece.length;
      if (length >= lookedAt) break;
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  return Buffer.concat(pieces);
}
