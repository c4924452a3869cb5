import { UserError } from '../errors.js';
import { formatCount } from '../observe/figures.js';
import type { DecimalMark } from '../data/formats/numbers.js';
import type { TaskKind } from '../tasks/registry.js';
import { type ColumnFacts, describeColumn } from './columns.js';
import { isAmountName, isTextName, labelHint, pairNames, showColumn } from './names.js';
import { expectNumbers } from './expect-numbers.js';
import { findNumberMarks } from './number-marks.js';
import type { TableSample } from './reading.js';

/** What can be learned from a table, and from which columns. */

export interface TableGuess {
  readonly task: TaskKind;
  readonly text: ColumnFacts;
  /** Class, labels, number or translation; absent for a language model. */
  readonly label?: ColumnFacts;
  /** Of several labels in one cell. */
  readonly labelSeparator?: string;
  /** Of the label: how often each class occurs. */
  readonly classes?: ReadonlyMap<string, number>;
  readonly facts: readonly ColumnFacts[];
  /** Why, a sentence a decision; each names the option that decides otherwise. */
  readonly reasons: readonly string[];
}

export interface Wishes {
  readonly task?: TaskKind | undefined;
  readonly text?: string | number | undefined;
  readonly label?: string | number | undefined;
  /** What stands before the decimals of numbers. */
  readonly decimalMark?: DecimalMark | undefined;
}

/** Numbers of at most so many different whole values are taken for classes. */
const FEW_NUMBERS = 10;

/** @throws UserError where nothing can be learned, or the wishes do not fit the table */
export function guessTable(path: string, table: TableSample, wishes: Wishes): TableGuess {
  const marks = findNumberMarks(table.columns, wishes.decimalMark);
  const facts = table.columns.map((column, i) => describeColumn(column, marks[i]));
  const reasons: string[] = [];
  const lists = guessTagged(facts, wishes);
  if (lists) return lists;
  const text = chooseText(path, facts, wishes, reasons);
  const pair = guessPair(facts, wishes, text);
  if (pair) return { ...pair, facts };
  if (wishes.task === 'language-model') return { task: wishes.task, text, facts, reasons };
  const label = chooseLabel(path, facts, text, wishes, reasons);
  if (label === undefined) {
    if (wishes.task !== undefined) {
      throw new UserError(
        `${path}: expected a column with ${wishes.task === 'regress' ? 'numbers' : 'few different values'} beside ${showColumn(text.column.name)} for the task ${wishes.task}, found none; --label names one`,
      );
    }
    reasons.push(
      `Task: language-model, because no column beside ${showColumn(text.column.name)} has few different values or numbers (--label names one that is to be learned).`,
    );
    return { task: 'language-model', text, facts, reasons };
  }
  const learned = learn(path, text, label, wishes, reasons);
  if (wishes.decimalMark !== undefined && learned.task !== 'regress') {
    throw new UserError(
      `--decimal-mark: expected a column of numbers to learn, got ${showColumn(label.column.name)}, of which the task ${learned.task} is made; --task regress and --label say otherwise`,
    );
  }
  return { ...learned, facts };
}

/** Lists of tokens, and of as many tags. */
function guessTagged(
  facts: readonly ColumnFacts[],
  { task, text, label }: Wishes,
): TableGuess | undefined {
  if (task !== undefined && task !== 'tag') return undefined;
  const lists = facts.filter(({ column }) => column.lists !== undefined);
  for (const tokens of lists) {
    for (const tags of lists) {
      if (tokens === tags || (text ?? tokens.column.name) !== tokens.column.name) continue;
      if ((label ?? tags.column.name) !== tags.column.name) continue;
      const isEven = tokens.column.lists!.every(
        (list, i) => list.length === tags.column.lists![i]!.length,
      );
      const classes = countParts(tags);
      if (!isEven || classes.size >= countParts(tokens).size) continue;
      const reason = `Task: tag, because each list of ${showColumn(tokens.column.name)} has one of ${showColumn(tags.column.name)} of the same length (--task decides otherwise).`;
      return { task: 'tag', text: tokens, label: tags, classes, facts, reasons: [reason] };
    }
  }
  return undefined;
}

function countParts({ column }: ColumnFacts): Map<string, number> {
  const counts = new Map<string, number>();
  for (const part of (column.lists ?? []).flat()) counts.set(part, (counts.get(part) ?? 0) + 1);
  return counts;
}

function chooseText(
  path: string,
  facts: readonly ColumnFacts[],
  { text, label }: Wishes,
  reasons: string[],
): ColumnFacts {
  if (text !== undefined) return findColumn(path, facts, text, '--text');
  const isFree = ({ column, kind }: ColumnFacts): boolean =>
    column.name !== label && !['id', 'date', 'number', 'constant', 'empty', 'list'].includes(kind);
  // The longest and most varied; a column that is called a text counts twice.
  const weigh = ({ column, meanCharacters, counts, filled }: ColumnFacts): number =>
    meanCharacters * (counts.size / filled) * (isTextName(column.name) ? 2 : 1);
  const candidates = facts.filter(isFree).sort((a, b) => weigh(b) - weigh(a));
  const [first, second] = candidates;
  if (first === undefined) {
    throw new UserError(
      `${path}: expected a column with texts, found ${facts.map(({ column, kind }) => `${showColumn(column.name)} (${kind})`).join(', ')}; --text names one`,
    );
  }
  const close =
    second !== undefined && second.kind === 'text' && weigh(second) > 0.3 * weigh(first);
  reasons.push(
    `Text: ${showColumn(first.column.name)}, the longest and most varied one${close ? `; ${showColumn(second.column.name)} comes near it` : ''} (--text names another).`,
  );
  return first;
}

function chooseLabel(
  path: string,
  facts: readonly ColumnFacts[],
  text: ColumnFacts,
  { task, label }: Wishes,
  reasons: string[],
): ColumnFacts | undefined {
  if (label !== undefined) {
    const found = findColumn(path, facts, label, '--label');
    if (found === text)
      throw new UserError(
        `--label: expected another column than that of --text, got ${showColumn(label)}`,
      );
    if (found.counts.size < 2) {
      throw new UserError(
        `${path}: expected different values in ${showColumn(label)}, found ${found.counts.size === 0 ? 'none' : 'one alone'}`,
      );
    }
    return found;
  }
  const others = facts.filter((each) => each !== text && each.counts.size > 1);
  const candidates = others.filter(({ kind, numbers }) =>
    task === 'regress'
      ? numbers !== undefined && kind !== 'id'
      : ['class', 'number', 'list'].includes(kind),
  );
  // Small tables have classes of few rows.
  const named = others.filter(
    (each) =>
      !candidates.includes(each) &&
      each.kind === 'text' &&
      labelHint(each.column.name) > 0 &&
      each.counts.size < 0.5 * each.filled,
  );
  const weigh = ({ column, kind, counts, filled }: ColumnFacts): number =>
    labelHint(column.name) * 10 +
    ({ class: 3, list: 3, number: 1 }[kind as string] ?? 0) +
    filled / text.rows -
    counts.size / filled;
  const [first, second] = [...candidates, ...named].sort((a, b) => weigh(b) - weigh(a));
  if (first === undefined) return undefined;
  const close =
    second !== undefined &&
    labelHint(second.column.name) === labelHint(first.column.name) &&
    second.kind !== 'number';
  const other = close ? `; ${showColumn(second.column.name)} could be meant, too` : '';
  reasons.push(
    `Label: ${showColumn(first.column.name)}, with ${formatCount(first.counts.size)} different values${other} (--label names another).`,
  );
  return first;
}

/** @throws UserError that lists the columns */
function findColumn(
  path: string,
  facts: readonly ColumnFacts[],
  name: string | number,
  option: string,
): ColumnFacts {
  const found = facts.find(
    ({ column }, i) => column.name === name || (typeof name === 'number' && i === name - 1),
  );
  if (found !== undefined) return found;
  const names = facts.map(({ column }) => showColumn(column.name)).join(', ');
  throw new UserError(
    `${option}: expected a column of ${path}, which has ${names}, got ${showColumn(name)}`,
  );
}

/** What a label is, and which task that makes. */
function learn(
  path: string,
  text: ColumnFacts,
  label: ColumnFacts,
  wishes: Wishes,
  reasons: string[],
): Omit<TableGuess, 'facts'> {
  const { task } = wishes;
  const name = showColumn(label.column.name);
  const told = task === undefined;
  const separator = label.column.lists === undefined ? findSeparator(label, task) : undefined;
  if (
    (task ?? 'multi-label') === 'multi-label' &&
    (label.kind === 'list' || separator !== undefined || task !== undefined)
  ) {
    const classes = separator === undefined ? countParts(label) : countSplit(label, separator);
    if (told) {
      const why =
        separator === undefined
          ? 'lists of them'
          : `them with ${JSON.stringify(separator)} in between`;
      reasons.push(
        `Task: multi-label, because ${name} has ${why} (--task classify takes each cell for one class).`,
      );
    }
    const counted = classes.size > 0 ? classes : label.counts;
    return {
      task: 'multi-label',
      text,
      label,
      classes: counted,
      reasons,
      ...(separator !== undefined && { labelSeparator: separator }),
    };
  }
  if (label.kind === 'list') {
    throw new UserError(
      `${path}: expected one value a row in ${name} for the task ${task!}, found lists; --label names another column`,
    );
  }
  const isMany = !label.isWhole || label.counts.size > FEW_NUMBERS;
  const asNumber =
    label.numbers !== undefined &&
    (isMany || (isAmountName(label.column.name) && label.counts.size > FEW_NUMBERS));
  if (task === 'regress' || (task === undefined && asNumber)) {
    expectNumbers(path, label, wishes);
    const areLists = findSeparator(label, 'multi-label') !== undefined;
    if (told)
      reasons.push(
        `Task: regress, because ${name} has ${formatCount(label.counts.size)} different numbers (--task classify takes each for a class${areLists ? ', --task multi-label for several' : ''}).`,
      );
    return { task: 'regress', text, label, reasons };
  }
  if (task === 'tag' || task === 'translate') {
    throw new UserError(
      `${path}: expected ${task === 'tag' ? 'columns of tokens with a tag each, or lists of both,' : 'two columns of texts'} for the task ${task}, found a table with ${name} beside ${showColumn(text.column.name)}`,
    );
  }
  if (label.counts.size > 0.5 * label.filled && label.filled > 20) {
    throw new UserError(
      `${path}: expected several rows of each class in ${name}, found ${formatCount(label.counts.size)} different values in ${formatCount(label.filled)} rows; --label names another column`,
    );
  }
  if (told) {
    const other = label.numbers ? ' (--task regress takes them for amounts)' : '';
    reasons.push(
      `Task: classify, because ${name} has ${formatCount(label.counts.size)} different values in ${formatCount(label.filled)} rows${other}.`,
    );
  }
  return { task: 'classify', text, label, classes: label.counts, reasons };
}

function countSplit({ column }: ColumnFacts, separator: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of column.values) {
    for (const part of value.split(separator).map((each) => each.trim())) {
      if (part !== '') counts.set(part, (counts.get(part) ?? 0) + 1);
    }
  }
  return counts;
}

/** What stands between several labels of a cell: where the parts are far fewer than the ways to put them together. */
function findSeparator(label: ColumnFacts, task: TaskKind | undefined): string | undefined {
  if (label.numbers !== undefined && task !== 'multi-label') return undefined;
  return ['|', ';', ','].find((separator) => {
    const several = label.column.values.filter((value) => value.includes(separator)).length;
    if (several < 0.1 * label.filled) return false;
    const parts = countSplit(label, separator);
    const isShort = Array.from(parts.keys()).every((part) => part.length <= 40);
    return isShort && parts.size > 1 && parts.size <= 0.7 * label.counts.size;
  });
}

/** Two columns of texts of which one is the translation of the other. */
function guessPair(
  facts: readonly ColumnFacts[],
  { task, text, label }: Wishes,
  chosen: ColumnFacts,
): Omit<TableGuess, 'facts'> | undefined {
  if (task !== undefined && task !== 'translate') return undefined;
  const texts = facts.filter(({ kind }) => kind === 'text');
  const names = texts.map(({ column }) => column.name);
  const asNamed = pairNames(names);
  const given: [string | number, string | number] | undefined =
    task === 'translate' && text !== undefined && label !== undefined ? [text, label] : asNamed;
  if (given === undefined) {
    if (task !== 'translate') return undefined;
    throw new UserError(
      `--task translate: expected --text and --label beside it, the column that is to be translated and that of the translations; the table has texts in ${names.map(showColumn).join(', ') || 'no column'}`,
    );
  }
  const find = (name: string | number): ColumnFacts =>
    findColumn('the table', facts, name, '--text');
  const [source, target] = [find(given[0]), find(given[1])];
  if (task === undefined && (label !== undefined || chosen.kind !== 'text')) return undefined;
  const reason = `Task: translate, because ${showColumn(given[0])} and ${showColumn(given[1])} are texts of two languages by their names (--task decides otherwise, --text and --label which one is translated into which).`;
  return {
    task: 'translate',
    text: source,
    label: target,
    reasons: task === undefined ? [reason] : [],
  };
}
