import { type FilePair, isFilePair } from '../../data/input/file-pairs.js';
import { formatOf, type Format } from '../../data/input/sources.js';
import { UserError } from '../../errors.js';

/** Options that another one, or the input, leaves without any effect: whoever gives them means something that would not happen. */

/** What a format is called, and which options of how files are read it has use for. */
const formats: Record<Format, { name: string; uses: readonly ReadingOption[] }> = {
  csv: { name: 'tables of CSV', uses: ['encoding', 'delimiter', 'quote', 'text', 'label'] },
  tsv: { name: 'tables of TSV', uses: ['encoding', 'delimiter', 'quote', 'text', 'label'] },
  jsonl: { name: 'objects of JSON Lines', uses: ['encoding', 'text', 'label'] },
  conll: { name: 'columns of tokens', uses: ['encoding', 'text', 'label'] },
  parquet: { name: 'tables of Parquet', uses: ['text', 'label'] },
  // Who says where labels are is told that there are none.
  text: { name: 'lines of plain text', uses: ['encoding', 'label'] },
};

const readingOptions = ['encoding', 'delimiter', 'quote', 'text', 'label'] as const;
type ReadingOption = (typeof readingOptions)[number];

/**
 * @param args what was given, by the names of options
 * @throws UserError for an option of how files are read that none of them has use for
 */
export function expectUsed(
  args: { [name in ReadingOption]?: unknown },
  paths: readonly string[] | FilePair,
  { format, otherwise }: { format?: Format | undefined; otherwise?: Format | undefined },
): void {
  const found = isFilePair(paths)
    ? ['text' as const]
    : paths.map((path) => format ?? formatOf(path, otherwise));
  // A pattern does not tell.
  const all = found.filter((each) => each !== undefined);
  if (all.length < found.length) return;
  const vain = readingOptions.find(
    (name) => args[name] !== undefined && !all.some((each) => formats[each].uses.includes(name)),
  );
  if (vain === undefined) return;
  throw new UserError(
    `--${vain}: ${formats[all[0]!].name} have no use for it: leave it out, or say with --format how the input is laid out`,
  );
}

/** @throws UserError for `--quiet` where events are printed, beside which nothing is shown anyway */
export function expectHeard({ quiet, json }: { quiet: boolean; json: boolean }): void {
  if (!quiet || !json) return;
  throw new UserError(
    '--quiet: --json prints events and shows nothing else: leave out either of them',
  );
}

/** @throws UserError for what chooses among tokens where the likeliest is taken */
export function expectDrawn(given: {
  temperature: number | undefined;
  topK: number | undefined;
  seed: number | undefined;
}): void {
  const { temperature, topK, seed } = given;
  const [why, vain] =
    temperature === 0
      ? ['--temperature 0', { 'top-k': topK, seed }]
      : topK === 1
        ? ['--top-k 1', { temperature, seed }]
        : ['', {}];
  const [name] = Object.entries(vain).find(([, value]) => value !== undefined) ?? [];
  if (name === undefined) return;
  throw new UserError(
    `--${name}: ${why} takes the likeliest token each time and draws nothing: leave out either`,
  );
}
