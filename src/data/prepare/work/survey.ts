import { createHash } from 'node:crypto';
import { type ExtentOptions, listExtents } from '../../formats/extents.js';
import { joinDigests, surveyPair } from '../../formats/pairs/pair-extents.js';
import { type BytesObserver, readBytes } from '../../input/source-text.js';
import type { Source } from '../../input/sources.js';
import { count, type Tally } from './tally.js';
import type { Extent } from '../../input/extent.js';

/** What is found out about a source before it is cut: where it can be divided, and its content. */
export interface Survey {
  readonly extents: Extent[];
  /** Of the file as it lies on disk. */
  readonly sha256: string;
}

export interface SurveyInput {
  readonly source: Source;
  /** Bytes of an extent; null where the source cannot be divided. */
  readonly extentBytes: number | null;
  readonly options: ExtentOptions;
}

export async function surveySource(
  { source, extentBytes, options }: SurveyInput,
  tally: Tally,
): Promise<Survey> {
  const { target } = source;
  if (target !== undefined) {
    const observe: BytesObserver = (bytes) => count(tally, 'bytes', bytes.length);
    return surveyPair(source, target, extentBytes ?? Infinity, options, observe);
  }
  const extents = await listExtents(source, extentBytes ?? Infinity, options);
  return { extents: [...extents], sha256: await hashContent(source, tally) };
}

/** SHA-256 of a source's content, in hexadecimal; of two files, of both digests. */
export async function hashContent(source: Source, tally?: Tally): Promise<string> {
  const { target, ...own } = source;
  if (target !== undefined) {
    return joinDigests(await hashContent(own, tally), await hashContent(target, tally));
  }
  const content = createHash('sha256');
  for await (const bytes of readBytes(source)) {
    content.update(bytes);
    if (tally !== undefined) count(tally, 'bytes', bytes.length);
  }
  return content.digest('hex');
}
