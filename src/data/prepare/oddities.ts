import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import type { Manifest } from '../store/manifest.js';
import { WRITTEN } from './pieces/piece.js';
import type { PieceRecord } from './pieces/records.js';
import { listNames } from '../input/names.js';
import { breaksScheme, schemeOf } from '../../tasks/transitions.js';
import { taskOf } from '../../tasks/registry.js';
import type { Task } from '../../tasks/task.js';
import { counted, formatCount } from '../../system/counted.js';

/** What is odd about a corpus that has been prepared: nothing is wrong for certain, but likely so. */

type Told = Pick<
  Manifest,
  | 'options'
  | 'tokenizer'
  | 'sourceTokenizer'
  | 'classes'
  | 'mixedClasses'
  | 'splits'
  | 'statistics'
  | 'sharedRows'
>;

/** What classes are called: labels and tags are classes, too. */
type Named = Task['named'];

/** One sentence for each oddity. */
export function describeOddities(manifest: Told): string[] {
  // How tags are distributed follows from few sentences: no test knows chance from change there.
  const { per, named } = taskOf(manifest.options.task);
  if (per === 'token') {
    return [
      ...describeUnknown(manifest),
      ...describeAlikeClasses(manifest.classes, named),
      ...describeScheme(manifest),
      ...describeLeftOut(manifest),
      ...describeSharedRows(manifest),
    ];
  }
  return [
    ...describeUnknown(manifest),
    ...describeAlikeClasses(manifest.classes, named),
    ...describeMixedClasses(manifest, named),
    ...describeSmallClasses(manifest, named),
    ...describeSharedRows(manifest),
    // Rows of labels are no shares of a whole, of which the test is.
    ...(manifest.statistics.train.sets ? describeSets(manifest) : describeShifts(manifest)),
  ];
}

/**
 * Refuses a corpus whose texts are mostly nothing: the column or the tokenizer is hardly the one that
 * was meant.
 *
 * @throws UserError
 */
export function refuseEmptyTexts(
  { maxEmptyShare, text }: Config['data'],
  { splits, statistics }: Pick<Manifest, 'splits' | 'statistics'>,
): void {
  const { emptyRows, leftOut, source } = statistics.train;
  // Pairs with an empty side are left out, as others may be.
  const left = leftOut ? leftOut.empty + leftOut.long + leftOut.uneven : 0;
  const [rows, empty] = [splits.train.rows + left, emptyRows + (leftOut?.empty ?? 0)];
  if (rows === 0 || empty / rows <= maxEmptyShare) return;
  const share = `${formatCount(empty)} of ${counted(rows, source ? 'pair' : 'text')} (${percent(empty / rows)})`;
  const lacks = source ? 'a side that has no token of the vocabulary' : 'no token';
  const doubt = source ? '' : `; is ${JSON.stringify(text)} the column that data.text should name?`;
  throw new UserError(
    `data.train: ${share} ${empty === 1 ? 'has' : 'have'} ${lacks}: expected at most ` +
      `${percent(maxEmptyShare)} (data.maxEmptyShare)${doubt}`,
  );
}

/** A share of the text to train on that the vocabulary lacks, up to which nobody minds. */
const unknownOfNote = 0.5;

function* describeUnknown({
  options,
  tokenizer,
  sourceTokenizer,
  statistics: { train },
}: Told): Generator<string> {
  const isCut = taskOf(options.task).gives !== 'tokens';
  const sides = [{ side: train, own: tokenizer, key: 'tokenizer', of: '' }];
  if (train.source) {
    const key = sourceTokenizer ? 'sourceTokenizer' : 'tokenizer';
    sides[0]!.of = 'of the targets ';
    sides.push({
      ...{ side: { ...train, ...train.source }, own: sourceTokenizer ?? tokenizer },
      ...{ key, of: 'of the sources ' },
    });
  }
  for (const { side, own, key, of } of sides) {
    const share = side.unknownTokens / Math.max(1, side.textTokens);
    if (!(share > unknownOfNote)) continue;
    // Each text as one word is what is left where nothing of it is a separator.
    const isOther = isCut && own.kind === 'word' && own.split !== ' ';
    const doubt = isOther
      ? `, or is ${JSON.stringify(own.split)} (data.${key}.split) not what stands between words`
      : '';
    yield (
      `${percent(share)} of the ${own.kind === 'word' ? 'words' : 'characters'} ${of}to train on are not in the vocabulary: ` +
      `is data.${key}.minCount too large for so little text, or data.${key}.vocabularySize too small${doubt}?`
    );
  }
}

/** Pairs that limits leave out of training, and those that are left out of any split since a side has no token. */
function* describeLeftOut({ splits, statistics }: Told): Generator<string> {
  for (const name of ['train', 'validation', 'test'] as const) {
    const { leftOut } = statistics[name] ?? {};
    const rows = splits[name]?.rows;
    if (leftOut === undefined || rows === undefined) continue;
    const { empty, long, uneven } = leftOut;
    const count = empty + long + uneven;
    const why = [
      ...(empty > 0
        ? [`${formatCount(empty)} with a side that has no token of the vocabulary`]
        : []),
      ...(long > 0
        ? [`${formatCount(long)} longer than data.maxLength or data.maxSourceLength`]
        : []),
      ...(uneven > 0
        ? [`${formatCount(uneven)} of sides of too different lengths (data.maxRatio)`]
        : []),
    ];
    const use = name === 'train' ? 'to train on' : `of data.${name}`;
    yield `${formatCount(count)} of ${counted(count + rows, 'pair')} ${use} ${count === 1 ? 'is' : 'are'} left out: ${why.join(', ')}.`;
  }
}

/** Tags that have the names of a scheme and follow another one, or none. */
function* describeScheme({ classes, statistics }: Told): Generator<string> {
  const { scheme } = statistics.train;
  if (scheme === undefined || scheme.broken === 0) return;
  const name = schemeOf(classes)!;
  const times = `${counted(scheme.broken, 'time')} in ${counted(scheme.entities, 'entity', 'entities')} to train on`;
  const what = name === 'BIO' ? 'begins with an I-' : 'does not follow it';
  yield breaksScheme(scheme)
    ? `The names of the tags are those of ${name}, but ${times} an entity ${what}, as in IOB1: a crf may predict such, too.`
    : `The names of the tags are those of ${name}; ${times} an entity ${what}, by mistake it seems: a crf predicts none such.`;
}

/** Labels that JSON writes in two ways. */
export function listMixed(pieces: readonly PieceRecord[]): string[] {
  const written = new Map<string, number>();
  for (const { labels, labelsWritten } of pieces) {
    labels.forEach((name, i) => written.set(name, (written.get(name) ?? 0) | labelsWritten[i]!));
  }
  const mixed = [...written].filter(([, how]) => how === WRITTEN.asBoth).map(([name]) => name);
  return mixed.sort();
}

/** How many groups of classes are named. */
const groupsNamed = 3;

/** Values are what stands in the file, so that classes are not merged here: who wrote them decides. */
function* describeAlikeClasses(
  classes: readonly string[],
  { one, several }: Named,
): Generator<string> {
  const differences = [
    ['white space', (name: string) => name.replaceAll(/[\s\p{Cf}]+/gu, ' ').trim()],
    ['case', (name: string) => name.toLowerCase()],
    ['the form of their characters', (name: string) => name.normalize('NFKC')],
    ['how the number is written', writeNumber],
  ] as const;
  const plainest = (name: string): string =>
    differences.reduce((text, [, simplify]) => simplify(text), name);
  const groups = Array.from(groupBy(classes, plainest).values(), (names) => names.sort());
  const alike = groups.filter(({ length }) => length > 1);
  for (const names of alike.slice(0, groupsNamed)) {
    const only = differences.find(([, simplify]) => groupBy(names, simplify).size === 1);
    const how =
      only?.[0] ?? 'case, white space, the form of their characters or how a number is written';
    yield (
      `The ${several} ${listNames(names)} differ in ${how} only, and are learned as ${counted(names.length, one, several)}: ` +
      'write them alike if they are one.'
    );
  }
  if (alike.length > groupsNamed) {
    yield `${counted(alike.length - groupsNamed, `more group of ${several} differs`, `more groups of ${several} differ`)} in no more than that.`;
  }
}

/** A number of no more digits than a double holds in one form; every other name as it is. */
function writeNumber(name: string): string {
  const isNumber = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3})?$/i.test(name) && name.length <= 16;
  return isNumber ? String(Number(name)) : name;
}

function groupBy(names: readonly string[], key: (name: string) => string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const name of names) groups.set(key(name), [...(groups.get(key(name)) ?? []), name]);
  return groups;
}

/** A class is its text: the reader of JSON Lines makes no difference, and who wrote them may have meant one. */
function* describeMixedClasses(
  { mixedClasses = [] }: Told,
  { one, several }: Named,
): Generator<string> {
  if (mixedClasses.length === 0) return;
  const which =
    mixedClasses.length === 1
      ? `${one} ${listNames(mixedClasses)} stands`
      : `${several} ${listNames(mixedClasses)} stand`;
  yield `The ${which} in JSON Lines both in quotation marks and without, and ${mixedClasses.length === 1 ? `is one ${one}` : `are one ${one} each`} all the same.`;
}

function* describeSmallClasses(
  { classes, statistics }: Told,
  { one, several }: Named,
): Generator<string> {
  const small = classes.filter((_, id) => statistics.train.labels[id] === 1);
  if (small.length === 0) return;
  yield small.length === 1
    ? `The ${one} ${listNames(small)} has a single row to train on.`
    : `${counted(small.length, one, several)} have a single row each to train on: ${listNames(small)}.`;
}

function* describeSets({ statistics }: Told): Generator<string> {
  if (statistics.train.sets?.most !== 1) return;
  yield 'No row to train on has more than one label: if some should, something else than data.labelSeparator stands between them.';
}

function* describeSharedRows({ splits, sharedRows, statistics }: Told): Generator<string> {
  const what = statistics.train.source ? 'source' : 'text';
  for (const split of ['validation', 'test'] as const) {
    const shared = sharedRows[split];
    const rows = splits[split]?.rows ?? 0;
    if (shared === 0 || rows === 0) continue;
    yield (
      `${formatCount(shared)} of ${counted(rows, 'row')} of data.${split} (${percent(shared / rows)}) ` +
      `${shared === 1 ? 'has' : 'have'} the ${what} of a training row: figures measured on ${shared === 1 ? 'it' : 'them'} promise too much.`
    );
  }
}

/** A share of the rows that another class than expected has, below which nobody minds. */
const shiftOfNote = 0.1;

function* describeShifts({ classes, statistics }: Told): Generator<string> {
  const train = statistics.train.labels;
  for (const split of ['validation', 'test'] as const) {
    const labels = statistics[split]?.labels ?? [];
    if (!isShifted(train, labels)) continue;
    const [all, some] = [sum(train), sum(labels)];
    const gaps = classes.map((_, id) => labels[id]! / some - train[id]! / all);
    const id = gaps.reduce((most, gap, i) => (Math.abs(gap) > Math.abs(gaps[most]!) ? i : most), 0);
    yield (
      `The classes of data.${split} are distributed otherwise than those of data.train: ` +
      `${listNames([classes[id]!])} has ${percent(labels[id]! / some)} of its rows, and ${percent(train[id]! / all)} of those to train on.`
    );
  }
}

/**
 * Whether two counts by class are hardly of one distribution, by a chi-squared test that one in a
 * million pairs of samples fails by chance, and differ enough to be worth a word.
 */
export function isShifted(first: readonly number[], second: readonly number[]): boolean {
  const [n, m] = [sum(first), sum(second)];
  if (n === 0 || m === 0) return false;
  const expected = (id: number): number => ((first[id]! + second[id]!) * Math.min(n, m)) / (n + m);
  // The test is sound where five or more are expected; rarer classes count as one.
  const cells: [number, number][] = [];
  const rest: [number, number] = [0, 0];
  let restExpected = 0;
  for (const id of first.keys()) {
    if (expected(id) >= 5) {
      cells.push([first[id]!, second[id]!]);
    } else {
      rest[0] += first[id]!;
      rest[1] += second[id]!;
      restExpected += expected(id);
    }
  }
  if (restExpected >= 5) cells.push(rest);
  const freedom = cells.length - 1;
  if (freedom < 1) return false;
  let chiSquared = 0;
  let distance = 0;
  for (const [a, b] of cells) {
    const share = (a + b) / (n + m);
    chiSquared += (a - share * n) ** 2 / (share * n) + (b - share * m) ** 2 / (share * m);
    distance += Math.abs(a / n - b / m) / 2;
  }
  // Wilson and Hilferty: the cube root of chi-squared over its degrees of freedom is about normal.
  const variance = 2 / (9 * freedom);
  const deviation = (Math.cbrt(chiSquared / freedom) - (1 - variance)) / Math.sqrt(variance);
  return deviation > 4.75 && distance >= shiftOfNote;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
