import { readNumber } from '../data/formats/numbers.js';
import { UserError } from '../errors.js';
import { formatCount } from '../observe/figures.js';
import { counted } from '../system/counted.js';
import { nameEntities } from '../tasks/entities.js';
import type { TaskKind } from '../tasks/registry.js';
import type { ColumnFacts } from './columns.js';
import { guessTable, type TableGuess, type Wishes } from './guess.js';
import { measureTexts } from './measure.js';
import { columnName, showColumn } from './names.js';
import type { NumberMarks } from './number-marks.js';
import type { LinesSample, TableSample, TaggedSample } from './reading.js';
import { type Recipe, recipeOfRows, recipeOfTags } from './recipe.js';
import { recipeOfPairs, recipeOfText } from './recipe-next-token.js';
import type { Sample } from './sample.js';
import {
  describeClasses,
  describeColumns,
  describeEdges,
  describeFile,
  describeMark,
} from './told.js';
import { type Entry, quote } from './written.js';

/** What is to be learned of a sample, and how. */

export interface Decision {
  readonly task: TaskKind;
  readonly seen: readonly string[];
  readonly reasons: readonly string[];
  /** Of `data`: columns and layout. */
  readonly data: readonly Entry[];
  readonly recipe: Recipe;
  /** Rows to train on, about. */
  readonly rows: number;
  /** Classes of each row, in the file's order, where the whole file was looked at. */
  readonly classesByRow?: readonly (readonly string[])[];
}

export function decideTable(sample: Sample, table: TableSample, wishes: Wishes): Decision {
  const guess = guessTable(sample.path, table, wishes);
  const { task, text, label, classes, labelSeparator } = guess;
  const rows = sample.allRows;
  const facts = measureTexts(text.column.values);
  const keys =
    task === 'translate' ? (['source', 'target'] as const) : (['text', 'label'] as const);
  const isShown = label !== undefined && classes !== undefined;
  const targets = task === 'tag' ? sumOf(classes!) : (label?.filled ?? 0);
  const seen = [
    describeFile(sample),
    ...describeColumns(guess),
    ...(isShown
      ? describeClasses(
          classes,
          targets,
          { classify: 'class', tag: 'tag' }[task as string] ?? 'label',
        )
      : []),
    ...describeEdges(guess),
    ...(table.faulty > 0
      ? [`  ${counted(table.faulty, 'row')} that cannot be read as the others`]
      : []),
  ];
  const odd = table.faulty + (label && task !== 'multi-label' ? countOdd(guess) : 0);
  const recipe = ((): Recipe => {
    switch (task) {
      case 'language-model':
        return recipeOfText(text.meanCharacters * rows);
      case 'translate':
        return recipeOfPairs(facts, measureTexts(label!.column.values), rows);
      case 'tag':
        return recipeOfTags(rows, [], nameEntities(Array.from(classes!.keys())));
      default:
        return recipeOfRows(task, facts, rows);
    }
  })();
  const isByName = sample.format !== 'csv' && sample.format !== 'tsv';
  const place = (each: ColumnFacts): string => {
    if (!isByName && columnName(each.column.name) === '') return String(each.column.name);
    return quote(each.column.name);
  };
  const data: Entry[] = [
    [keys[0], place(text)],
    ...(label ? ([[keys[1], place(label)]] as const) : []),
    ...(labelSeparator === undefined
      ? []
      : ([['labelSeparator', JSON.stringify(labelSeparator)]] as const)),
    ...(task === 'regress' ? writeMark(label!.numbers!) : []),
    ...(odd > 0
      ? ([
          ['onBadRow', 'skip', `${counted(odd, 'row')} of those looked at cannot be used`],
        ] as const)
      : []),
  ];
  const isWhole = sample.rows === sample.allRows && table.faulty === 0;
  const classesByRow = isWhole ? listClasses(guess) : undefined;
  const decided = { task, seen, reasons: guess.reasons, data, recipe, rows };
  return { ...decided, ...(classesByRow && { classesByRow }) };
}

function writeMark(numbers: NumberMarks): Entry[] {
  if (numbers.mark === undefined) return [];
  const why = describeMark(numbers);
  const value = quote(numbers.mark);
  return [why === undefined ? ['decimalMark', value] : ['decimalMark', value, why]];
}

/** Of each row; undefined where rows have none. */
function listClasses({ task, label, labelSeparator }: TableGuess): string[][] | undefined {
  if (label === undefined || task === 'translate' || task === 'regress') return undefined;
  const { values, lists } = label.column;
  const separated = (value: string): string[] =>
    labelSeparator === undefined ? [value] : value.split(labelSeparator).map((each) => each.trim());
  return values.map((value, i) => (lists?.[i] ?? separated(value)).filter((each) => each !== ''));
}

function sumOf(counts: ReadonlyMap<string, number>): number {
  return Array.from(counts.values()).reduce((sum, count) => sum + count, 0);
}

/** Rows without a label that can be learned, or of pairs without one side. */
function countOdd({ task, text, label }: TableGuess): number {
  if (task === 'tag' || task === 'language-model') return 0;
  const isOdd = (value: string, i: number): boolean =>
    value.trim() === '' ||
    (task === 'translate' && text.column.values[i]!.trim() === '') ||
    (task === 'regress' && readNumber(value, label!.numbers?.mark) === undefined);
  return label!.column.values.filter(isOdd).length;
}

export function decideTags(
  sample: Sample,
  { sentences, columns }: TaggedSample,
  { task, text, label }: Wishes,
): Decision {
  refuseOthers(sample.path, 'tag', task, 'columns of tokens with a tag each');
  const place = (name: string | number | undefined, usual: number, option: string): number => {
    const given = name ?? usual;
    if (typeof given === 'number' && given >= 1 && given <= columns) return given;
    throw new UserError(
      `${option}: expected the number of a column from 1 to ${columns}, got ${showColumn(given)}`,
    );
  };
  const [token, tag] = [place(text, 1, '--text'), place(label, columns, '--label')];
  const tags = new Map<string, number>();
  const cells = Array.from({ length: columns }, () => new Set<string>());
  let tokens = 0;
  for (const each of sentences.flat()) {
    tokens++;
    each.forEach((cell, i) => cells[i]?.add(cell));
    const name = each[tag - 1] ?? '';
    tags.set(name, (tags.get(name) ?? 0) + 1);
  }
  // What tells every token apart tells nothing of others; neither does what is always the same.
  const others = cells.flatMap((values, i) => {
    const isUsed = i + 1 !== token && i + 1 !== tag && values.size > 1 && values.size < 500;
    return isUsed ? [i + 1] : [];
  });
  const areEntities = nameEntities(Array.from(tags.keys()));
  return {
    task: 'tag',
    seen: [
      describeFile(sample),
      `  ${counted(tokens, 'token')} in ${counted(columns, 'column')}: ${token} the word, ${tag} the tag${others.length > 0 ? `, ${others.join(', ')} read beside` : ''}`,
      ...describeClasses(tags, tokens, 'tag'),
    ],
    reasons: [
      `Task: tag, because every line has a word and, in its last column, one of ${formatCount(tags.size)} tags (--text and --label name other columns).`,
    ],
    data: [
      ...(token === 1 ? [] : ([['text', String(token)]] as const)),
      ...(tag === columns ? [] : ([['label', String(tag)]] as const)),
    ],
    recipe: recipeOfTags(sample.allRows, others, areEntities),
    rows: sample.allRows,
    ...(sample.rows === sample.allRows && {
      classesByRow: sentences.map((each) => each.map((cells) => cells[tag - 1] ?? '')),
    }),
  };
}

export function decideText(
  sample: Sample,
  { lines }: LinesSample,
  { task, text, label }: Wishes,
): Decision {
  if (text !== undefined || label !== undefined) {
    throw new UserError(
      `${text === undefined ? '--label' : '--text'}: expected a table, got ${sample.path}, which is plain text; --format says if it is another layout`,
    );
  }
  refuseOthers(sample.path, 'language-model', task, 'plain text without labels');
  const characters = lines.reduce((sum, line) => sum + line.length + 1, 0);
  const all = Math.round((characters * sample.allRows) / Math.max(1, sample.rows));
  if (all < 1_000) {
    throw new UserError(
      `${sample.path}: expected at least 1,000 characters to learn from, found ${formatCount(all)}`,
    );
  }
  const facts = measureTexts(lines);
  return {
    task: 'language-model',
    seen: [
      describeFile(sample),
      `  ${sample.rows < sample.allRows ? 'about ' : ''}${formatCount(all)} characters, ${formatCount(facts.differentCharacters)} different ones in those looked at closely`,
    ],
    reasons: [
      'Task: language-model, because a plain text has no labels (two such files, line by line, are a translation).',
    ],
    data: [],
    recipe: recipeOfText(all),
    rows: Math.max(sample.allRows, 500),
  };
}

export function decidePair(source: Sample, target: Sample, { task }: Wishes): Decision {
  refuseOthers(source.path, 'translate', task, 'two plain texts');
  const [sources, targets] = [source, target].map(({ content }) => (content as LinesSample).lines);
  const isWhole = source.rows === source.allRows && target.rows === target.allRows;
  if (isWhole && source.rows !== target.rows) {
    throw new UserError(
      `${source.path} and ${target.path}: expected as many lines, which belong together, found ${formatCount(source.rows)} and ${formatCount(target.rows)}`,
    );
  }
  const [from, to] = [measureTexts(sources!), measureTexts(targets!)];
  return {
    task: 'translate',
    seen: [
      describeFile(source),
      describeFile(target),
      `  on the average ${from.mean.toFixed(1)} and ${to.mean.toFixed(1)} ${from.unit === 'word' ? 'words' : 'characters'} a line`,
    ],
    reasons: [
      'Task: translate, because two plain texts of as many lines were named: the first is translated into the second.',
    ],
    data: [],
    recipe: recipeOfPairs(from, to, source.allRows),
    rows: source.allRows,
  };
}

function refuseOthers(
  path: string,
  fits: TaskKind,
  task: TaskKind | undefined,
  what: string,
): void {
  if (task === undefined || task === fits) return;
  if (task === 'translate' && fits === 'language-model') {
    throw new UserError(
      `--task: expected ${fits} for ${path}, which is ${what}, got ${task}, which takes two such files: the second has the translations, line by line`,
    );
  }
  throw new UserError(
    `--task: expected ${fits} for ${path}, which is ${what}, got ${task}; --format says if it is another layout`,
  );
}
