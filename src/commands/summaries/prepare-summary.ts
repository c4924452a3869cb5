import { nameSource } from '../../data/input/sources.js';
import type { Manifest } from '../../data/store/manifest.js';
import { formatCount, formatNumber, formatShare } from '../../observe/figures.js';
import { taskOf } from '../../tasks/registry.js';
import { printableName } from '../../system/printable.js';
import { formatTable } from '../table.js';
import { counted } from '../../system/counted.js';

const splitNames = ['train', 'validation', 'test'] as const;

/** What a token store holds, as lines for the terminal. */
export function describeStore(manifest: Manifest, storeDir: string): string[] {
  return [
    `Token store: ${storeDir}`,
    '',
    ...formatTable(describeSplits(manifest)),
    '',
    ...describeVocabularies(manifest),
    ...describeRows(manifest),
    ...describeClasses(manifest),
    ...describeSets(manifest),
    ...describeNumbers(manifest),
    ...describeLengths(manifest.statistics.train, 'tokens (train)'),
    ...describeSources(manifest),
    ...describeLongest(manifest),
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

/** Of pairs those of both sides, or the one that is for both. */
function describeVocabularies(manifest: Manifest): string[] {
  const { tokenizer, sourceTokenizer, distinctTokens, distinctSourceTokens = null } = manifest;
  const { train } = manifest.statistics;
  const { source } = train;
  if (source === undefined) return [describeVocabulary('', tokenizer, distinctTokens, train)];
  if (sourceTokenizer !== undefined) {
    return [
      describeVocabulary(' of the targets', tokenizer, distinctTokens, train),
      describeVocabulary(' of the sources', sourceTokenizer, distinctSourceTokens, source),
    ];
  }
  const both = {
    textTokens: train.textTokens + source.textTokens,
    unknownTokens: train.unknownTokens + source.unknownTokens,
  };
  return [describeVocabulary(' of both sides', tokenizer, distinctTokens, both)];
}

function describeVocabulary(
  whose: string,
  tokenizer: Manifest['tokenizer'],
  distinctTokens: number | null,
  { textTokens, unknownTokens }: { textTokens: number; unknownTokens: number },
): string {
  const what = tokenizer.kind === 'word' ? 'word' : 'character';
  const size =
    tokenizer.kind === 'word'
      ? tokenizer.words.length
      : tokenizer.kind === 'char'
        ? tokenizer.characters.length
        : undefined;
  const title = `Vocabulary${whose}`;
  if (size === undefined || distinctTokens === null) return `${title}: ${tokenizer.kind}`;
  const covered = formatShare(1 - unknownTokens / Math.max(textTokens, 1));
  return (
    `${title}: ${counted(size, what)}; the training split has ${counted(distinctTokens, 'different one')}, ` +
    `and ${covered} of its text is in the vocabulary`
  );
}

function describeRows({ sources, duplicateRows, statistics }: Manifest): string[] {
  const { source, leftOut } = statistics.train;
  const rows = sources.reduce((sum, source) => sum + source.rows, 0);
  const bad = sources.reduce((sum, source) => sum + source.badRows, 0);
  const lines: string[] = [];
  if (rows > 0) {
    const share = formatShare(duplicateRows / rows);
    lines.push(
      `Duplicates: ${counted(duplicateRows, 'row')} (${share}) ${duplicateRows === 1 ? 'has' : 'have'} the ${source ? 'source' : 'text'} of another one`,
    );
  }
  if (leftOut) {
    const { empty, long, uneven } = leftOut;
    lines.push(
      `Left out of training: ${formatCount(empty)} with an empty side, ${formatCount(long)} too long, ${formatCount(uneven)} of too different lengths`,
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

/** Of pairs, all else being of their targets. */
function describeSources({ splits, statistics: { train } }: Manifest): string[] {
  if (train.source === undefined) return [];
  const tokens = formatCount(splits.train.source!.tokens);
  return [
    ...describeLengths(train.source, 'source tokens'),
    '',
    `Sources: ${tokens} tokens (train), the longest before truncation ${formatCount(train.source.longestRow)}`,
  ];
}

function describeLengths({ lengths }: { lengths: readonly number[] }, title: string): string[] {
  if (lengths.length === 0) return [];
  const most = Math.max(...lengths);
  const total = lengths.reduce((sum, rows) => sum + rows, 0);
  const rows = lengths.map((count, i) => [
    nameLengths(i),
    formatCount(count),
    formatShare(count / total),
    '█'.repeat(Math.ceil((widestBar * count) / most)).padEnd(widestBar),
  ]);
  return ['', ...formatTable([[title, 'rows', '', ''], ...rows]).map((line) => line.trimEnd())];
}

function describeLongest(manifest: Manifest): string[] {
  const { longest } = manifest.statistics.train;
  if (longest.length === 0) return [];
  const places = longest.map(
    ({ source, row, tokens }) =>
      `  ${counted(tokens, 'token')}: row ${formatCount(row)} of ${nameSource(manifest.sources[source]!.path)}`,
  );
  return ['', 'Longest rows before truncation:', ...places];
}

/** The lengths that a class of `Statistics.lengths` stands for: 0, 1, 2-3, 4-7, … */
function nameLengths(index: number): string {
  if (index < 2) return String(index);
  return `${formatCount(2 ** (index - 1))}-${formatCount(2 ** index - 1)}`;
}
