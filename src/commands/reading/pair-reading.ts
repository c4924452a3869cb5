import type { ExampleOptions } from '../../data/formats/examples.js';
import { type FilePair, formatOfTables } from '../../data/input/file-pairs.js';
import { isPattern } from '../../data/input/pattern.js';
import { formatOf, standardInput } from '../../data/input/sources.js';
import { UserError } from '../../errors.js';
import { taskOf } from '../../tasks/registry.js';
import type { TrainedModel } from '../library.js';
import { type ReadingArguments, readsInputAlone } from './reading-plan.js';

/**
 * What is read where rows are pairs: text files whose lines belong together, tables with both sides, or lines of standard input with a tab
 * between the two.
 *
 * @param targets text files with the translations of those of `files`
 * @throws UserError for what does not go together
 */
export function planPairs(
  { config: { data, task } }: Pick<TrainedModel, 'config'>,
  files: readonly string[],
  targets: readonly string[] | undefined,
  { format, encoding, delimiter, quote, text, label, onBadRow }: ReadingArguments,
): { paths: readonly string[] | FilePair; reading: ExampleOptions } {
  const reading = {
    ...{ labels: 'text' as const, keep: true, onBadRow: onBadRow ?? data.onBadRow },
    ...{ text: text ?? data.source!, label: label ?? data.target },
  };
  if (targets !== undefined) {
    const given = { format, delimiter, quote, text, label };
    const [name] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
    if (name !== undefined) {
      throw new UserError(
        `--${name}: expected nothing beside --target: files are read line by line`,
      );
    }
    if (files.length === 0) {
      throw new UserError('--target: expected files before it, with what has been translated');
    }
    return {
      paths: { source: files, target: targets },
      reading: { ...reading, encoding: encoding ?? data.encoding },
    };
  }
  const isPiped = readsInputAlone(files);
  if (isPiped && format === undefined) {
    const columns = { text: text ?? 1, label: label ?? 2 };
    const layout = {
      ...{ format: 'tsv' as const, header: false, everyLine: true },
      ...{ delimiter, quote: quote ?? 'none' },
    };
    return { paths: [standardInput], reading: { ...reading, ...columns, ...layout, encoding } };
  }
  const isPlain = (file: string): boolean => {
    const told = formatOf(file);
    // What a pattern without an ending means is known when it has been looked for.
    return told === undefined ? !isPattern(file) : !taskOf(task).formats.includes(told);
  };
  const plain = files.find(isPlain);
  const named = format ?? formatOfTables(data.format);
  if (plain !== undefined && (named ?? 'text') === 'text') {
    throw new UserError(
      `${plain}: expected --target with its translations, line by line, or a table with both sides`,
    );
  }
  const { header } = data;
  return {
    paths: isPiped ? [standardInput] : files,
    reading: {
      ...{ ...reading, header, format: named },
      ...{ delimiter: delimiter ?? data.delimiter, quote: quote ?? data.quote },
      encoding: encoding ?? (isPiped ? undefined : data.encoding),
    },
  };
}
