import { columnsOf, featuresOf } from '../../data/features/features.js';
import type { ExampleOptions } from '../../data/formats/examples.js';
import { standardInput } from '../../data/input/sources.js';
import { UserError } from '../../errors.js';
import { taskOf } from '../../tasks/registry.js';
import type { TrainedModel } from '../library.js';

export interface ReadingArguments {
  format?: ExampleOptions['format'];
  encoding?: ExampleOptions['encoding'];
  delimiter?: ExampleOptions['delimiter'];
  quote?: ExampleOptions['quote'];
  text?: string | number | undefined;
  label?: string | number | undefined;
  onBadRow?: 'error' | 'skip' | undefined;
}

/** Whether rows come from standard input and no file, whether a dash says so or nothing does. */
export function readsInputAlone(files: readonly string[]): boolean {
  return files.every((file) => file === standardInput);
}

/** What is read, and how: as the model's data was read, but for what is asked for. */
export function planReading(
  { config: { data, task, model } }: Pick<TrainedModel, 'config'>,
  files: readonly string[],
  { format, encoding, delimiter, quote, text, label, onBadRow }: ReadingArguments,
): { paths: readonly string[]; reading: ExampleOptions } {
  const isPiped = readsInputAlone(files);
  const isText = (column: string | number): boolean => String(column) === String(text ?? data.text);
  if (label !== undefined && isText(label)) {
    throw new UserError(
      `--label: expected another column than that of the text, got ${JSON.stringify(label)}`,
    );
  }
  const { gives, target } = taskOf(task);
  const tagged = gives === 'tokens';
  const columns = columnsOf(featuresOf(model.features));
  // Where columns have no names, another one for the text is another layout.
  const knowsLabel = (data.header || text === undefined) && !isText(data.label);
  return {
    paths: isPiped ? [standardInput] : files,
    reading: {
      header: data.header,
      delimiter: delimiter ?? data.delimiter,
      quote: quote ?? data.quote,
      // Whoever pipes text into a model sends a row a line, in the encoding of terminals; of a tagger, columns.
      format: format ?? (isPiped ? undefined : data.format),
      ...(tagged && { tagged }),
      ...(columns.length > 0 && { columns }),
      encoding: encoding ?? (isPiped ? undefined : data.encoding),
      textUnit: isPiped ? 'line' : data.textUnit,
      text: text ?? data.text,
      label: label ?? (knowsLabel ? data.label : undefined),
      ...(target === 'number' && { labels: 'number' as const, decimalMark: data.decimalMark }),
      ...(target === 'labels' && { labelSeparator: data.labelSeparator }),
      mayLackLabel: label === undefined,
      onBadRow: onBadRow ?? data.onBadRow,
      keep: true,
    },
  };
}
