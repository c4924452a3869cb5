import { formatCount, formatShare } from '../observe/figures.js';
import { counted } from '../system/counted.js';
import { printableName } from '../system/printable.js';
import { byFrequency, type ColumnFacts, percentile } from './columns.js';
import type { TableGuess } from './guess.js';
import { showColumn } from './names.js';
import { type NumberMarks, showNumber } from './number-marks.js';
import type { Sample } from './sample.js';

/** What was seen of files, in words. */

export function describeFile({ path, format, rows, allRows, content, encoding }: Sample): string {
  const what = { lines: 'line', tagged: 'sentence', table: 'row' }[content.kind];
  const many =
    rows < allRows
      ? `about ${counted(allRows, what)}, of which the first ${formatCount(rows)} were looked at`
      : counted(rows, what);
  const name = {
    csv: 'CSV',
    tsv: 'TSV',
    jsonl: 'JSON Lines',
    text: 'plain text',
    parquet: 'Parquet',
    conll: 'columns of tokens',
  }[format];
  const header =
    content.kind === 'table' && content.header !== undefined
      ? ` ${content.header ? 'with' : 'without'} a header (${content.headerReason ?? ''}; --no-header and --header decide)`
      : '';
  const written = encoding === undefined ? '' : `, ${encoding}`;
  return `${path}: ${name}${header}${written}, ${many}`;
}

const kinds = {
  text: 'text',
  class: 'few values',
  number: 'numbers',
  list: 'lists',
  id: 'numbers or names of rows',
  date: 'dates',
  constant: 'always the same',
  empty: 'empty',
} as const;

export function describeColumns({ facts, text, label, task }: TableGuess): string[] {
  return facts.map((each) => {
    const use =
      each === text
        ? task === 'translate'
          ? 'source'
          : 'text'
        : each === label
          ? task === 'translate'
            ? 'target'
            : 'label'
          : 'not used';
    const parts = [`  ${showColumn(each.column.name)}: ${use}`, describeValues(each)];
    const gaps = each.rows - each.filled;
    if (gaps > 0 && each.filled > 0) parts.push(`empty in ${counted(gaps, 'row')}`);
    return parts.join(', ');
  });
}

function describeValues(facts: ColumnFacts): string {
  const { kind, words, counts, numbers } = facts;
  if (kind === 'text') {
    return `${counted(percentile(words, 0.5), 'word')} in the middle, at most ${formatCount(percentile(words, 0.95))} in 95 of 100 rows`;
  }
  if (kind !== 'class' && kind !== 'number') return kinds[kind];
  const read = kind === 'number' && numbers ? describeMark(numbers) : undefined;
  return `${kinds[kind]}: ${formatCount(counts.size)} different${read === undefined ? '' : `, ${read}`}`;
}

/** How a number that could be taken for another is read; undefined where none has to be told. */
export function describeMark({ mark, shown, unclear, asIn }: NumberMarks): string | undefined {
  if (unclear !== undefined) return `${JSON.stringify(unclear)} may be one of two`;
  if (shown === undefined) return undefined;
  const reason = asIn === undefined ? '' : `, as those of ${showColumn(asIn)} are written`;
  return `${JSON.stringify(shown)} is read as ${showNumber(shown, mark)}${reason}`;
}

/** Classes that are named. */
const NAMED = 8;

export function describeClasses(
  classes: ReadonlyMap<string, number>,
  rows: number,
  what: string,
): string[] {
  const sorted = byFrequency(classes);
  const named = sorted
    .slice(0, NAMED)
    .map(([name, count]) => `${printableName(name.slice(0, 40))} ${formatShare(count / rows)}`);
  const rest = sorted.length - named.length;
  const line = `  ${counted(sorted.length, what, what === 'class' ? 'classes' : `${what}s`)}: ${named.join(', ')}${rest > 0 ? ` and ${formatCount(rest)} more` : ''}`;
  const share = (sorted[0]?.[1] ?? 0) / rows;
  const rare = sorted.filter(([, count]) => count < 5).length;
  return [
    line,
    ...(what === 'class'
      ? [
          `  always telling ${printableName(sorted[0]![0].slice(0, 40))} would be right in ${formatShare(share)} of the rows`,
        ]
      : []),
    ...(rare > 0 && what === 'class'
      ? [`  ${counted(rare, 'class', 'classes')} with fewer than 5 rows will hardly be learned`]
      : []),
  ];
}

/** That classes are told apart by blanks at their edges, too, which are hardly meant. */
export function describeEdges({ task, classes, label }: TableGuess): string[] {
  if (task !== 'classify' || classes === undefined || label === undefined) return [];
  const edged = Array.from(classes.keys()).filter((name) => name !== name.trim());
  if (edged.length === 0) return [];
  return [
    `  ${counted(edged.length, 'class', 'classes')} of ${showColumn(label.column.name)} begin or end with a blank (${JSON.stringify(edged[0]!.slice(0, 40))}), which is part of the name in every answer: remove it from the file if it is not meant`,
  ];
}
