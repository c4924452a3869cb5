import type { Config } from '../../config/schema.js';
import { readSource } from '../formats/examples.js';
import { type FilePair, isFilePair, listFilePairs } from '../input/file-pairs.js';
import { listSources, type Source } from '../input/sources.js';

/** A text and its translation, as they are written. */
export interface Pair {
  readonly source: string;
  readonly target: string;
}

/**
 * The pairs of files as they are written, in their order, without those that cannot be used where `data.onBadRow` leaves them out.
 *
 * @param files tables with both sides, or two text files or more whose lines belong together
 * @param named what names the files, for messages
 * @throws UserError that names file and line of what cannot be used
 */
export async function* readPairs(
  { data }: Config,
  files: readonly (string | FilePair)[],
  named: string,
): AsyncGenerator<Pair[], void, undefined> {
  const { header, delimiter, quote, encoding, onBadRow } = data;
  const options = {
    ...{ header, delimiter, quote, encoding, onBadRow },
    ...{ text: data.source!, label: data.target, labels: 'text' as const },
  };
  for (const each of files) {
    for (const source of await list(each)) {
      for await (const { rows } of readSource(source, options)) {
        yield rows.map(({ text, label }) => ({ source: text, target: label! }));
      }
    }
  }

  async function list(each: string | FilePair): Promise<Source[]> {
    const listed = isFilePair(each)
      ? await listFilePairs(
          {
            ...{ pair: each, key: named, introduce: () => '' },
            keyOf: (side) => `${named} (${side})`,
          },
          () => undefined,
        )
      : await listSources(
          { patterns: [each], format: data.format, tagged: false, key: named },
          () => undefined,
        );
    return listed.map(({ source }) => source);
  }
}
