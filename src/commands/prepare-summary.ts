import { nameSource } from '../data/input/sources.js';
import type { Manifest } from '../data/store/manifest.js';
import { formatCount, formatNumber, formatShare } from '../observe/figures.js';
import { taskOf } from '../tasks/registry.js';
import { printableName } from '../system/printable.js';
import { formatTable } from './table.js';
import { counted } from '../system/counted.js';

const splitNames = ['train', 'validation', 'test'] as const;

/** What a token store holds, as lines for the terminal. */
export function describeStore(manifest: Manifest, storeDir: string): string[] {
  return [
    `Token store: ${storeDir}`,
    '',
    ...formatTable(describeSplits(manifest)),
    '',
    describeVocabulary(manifest),
    ...describeRows(manifest),
    ...describeClasses(manifest),
    ...describeSets(manifest),
    ...describeNumbers(manifest),
    ...describeLengths(manifest),
  ];
}

/** The splits that there are, with what is told of each. */
function splitsOf({ splits, statistics }: Manifest) {
  return splitNames.flatMap((name) => {
    const [split, told] = [splits[name], statistics[name]];
    return split === undefined || told === undefined ? [] : [{ name, split, told }];
  });
}

function describeSplits(manifest: Manifest): string[][] {
  const rows = splitsOf(manifest).map(({ name, split, told }) => [
    name,
    formatCount(split.rows),
    formatCount(split.tokens),
    formatCount(split.longestRow),
    formatCount(told.truncatedRows),
    formatCount(told.emptyRows),
    formatShare(told.textTokens === 0 ? 0 : told.unknownTokens / told.textTokens),
  ]);
  return [['split', 'rows', 'tokens', 'longest', 'truncated', 'empty', 'unknown'], ...rows];
}

function describeVocabulary({ tokenizer, distinctTokens, statistics }: Manifest): string {
  const what = tokenizer.kind === 'word' ? 'word' : 'character';
  const size =
    tokenizer.kind === 'word'
      ? tokenizer.words.length
      : tokenizer.kind === 'char'
        ? tokenizer.characters.length
        : undefined;
  if (size === undefined || distinctTokens === null) return `Vocabulary: ${tokenizer.kind}`;
  const { textTokens, unknownTokens } = statistics.train;
  const covered = formatShare(1 - unknownTokens / Math.max(textTokens, 1));
  return (
    `Vocabulary: ${counted(size, what)}; the training split has ${counted(distinctTokens, 'different one')}, ` +
    `and ${covered} of its text is in the vocabulary`
  );
}

function describeRows({ sources, duplicateRows }: Manifest): string[] {
  const rows = sources.reduce((sum, source) => sum + source.rows, 0);
  const bad = sources.reduce((sum, source) => sum + source.badRows, 0);
  const lines: string[] = [];
  if (rows > 0) {
    const share = formatShare(duplicateRows / rows);
    lines.push(
      `Duplicates: ${counted(duplicateRows, 'row')} (${share}) ${duplicateRows === 1 ? 'has' : 'have'} the text of another one`,
    );
  }
  if (bad > 0) lines.push(`Bad rows: ${formatCount(bad)} ${bad === 1 ? 'was' : 'were'} left out`);
  return lines;
}

/** How many classes are shown. */
const classesShown = 20;

function describeClasses(manifest: Manifest): string[] {
  const { classes } = manifest;
  if (classes.length === 0) return [];
  const splits = splitsOf(manifest);
  const isTagged = manifest.splits.train.tagsFile !== undefined;
  const rows = classes.slice(0, classesShown).map((name, id) => [
    printableName(name),
    ...splits.flatMap(({ split, told }) => {
      const count = told.labels[id]!;
      const all = isTagged ? told.labels.reduce((sum, each) => sum + each, 0) : split.rows;
      return [formatCount(count), formatShare(all === 0 ? 0 : count / all)];
    }),
  ]);
  const { one } = taskOf(manifest.options.task).named;
  const header = [one, ...splits.flatMap(({ name }) => [name, ''])];
  const rest = classes.length - rows.length;
  return [
    '',
    ...formatTable([header, ...rows]),
    ...(rest > 0 ? [`and ${formatCount(rest)} more`] : []),
  ];
}

function describeSets({ splits, statistics: { train } }: Manifest): string[] {
  if (train.sets === undefined) return [];
  const { empty, most } = train.sets;
  const mean = train.labels.reduce((sum, each) => sum + each, 0) / splits.train.rows;
  return [
    `Labels of a row: ${formatNumber(mean)} on average, ${formatCount(most)} at most, none in ${counted(empty, 'row')} (train)`,
  ];
}

function describeNumbers(manifest: Manifest): string[] {
  if (manifest.targetScale === undefined) return [];
  const { mean, deviation } = manifest.targetScale;
  const ranges = splitsOf(manifest).flatMap(({ name, told: { range } }) =>
    range ? [`${name} ${range.map(formatNumber).join(' to ')}`] : [],
  );
  return [
    `Numbers: mean ${formatNumber(mean)}, standard deviation ${formatNumber(deviation)} (train); ${ranges.join(', ')}`,
  ];
}

const widestBar = 40;

function describeLengths(manifest: Manifest): string[] {
  const { lengths, longest } = manifest.statistics.train;
  if (lengths.length === 0) return [];
  const most = Math.max(...lengths);
  const total = lengths.reduce((sum, rows) => sum + rows, 0);
  const rows = lengths.map((count, i) => [
    nameLengths(i),
    formatCount(count),
    formatShare(count / total),
    '█'.repeat(Math.ceil((widestBar * count) / most)).padEnd(widestBar),
  ]);
  const places = longest.map(
    ({ source, row, tokens }) =>
      `  ${counted(tokens, 'token')}: row ${formatCount(row)} of ${nameSource(manifest.sources[source]!.path)}`,
  );
  return [
    '',
    ...formatTable([['tokens (train)', 'rows', '', ''], ...rows]).map((line) => line.trimEnd()),
    '',
    'Longest rows before truncation:',
    ...places,
  ];
}

/** The lengths that a class of `Statistics.lengths` stands for: 0, 1, 2-3, 4-7, … */
function nameLengths(index: number): string {
  if (index < 2) return String(index);
  return `${formatCount(2 ** (index - 1))}-${formatCount(2 ** index - 1)}`;
}
