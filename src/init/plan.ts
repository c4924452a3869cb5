import { UserError } from '../errors.js';
import { counted } from '../system/counted.js';
import { taskOf, type TaskKind } from '../tasks/registry.js';
import { type Decision, decidePair, decideTable, decideTags, decideText } from './decide.js';
import type { Roles } from './files.js';
import type { Wishes } from './guess.js';
import { chooseHeldOut } from './held-out.js';
import type { Sample } from './sample.js';
import { type Entry, quote, writeEntries } from './written.js';

/** What a config is to say, and what is told of why. */
export interface InitPlan {
  readonly task: TaskKind;
  /** What was seen. */
  readonly seen: readonly string[];
  /** What follows from it. */
  readonly reasons: readonly string[];
  /** The config file. */
  readonly text: string;
}

/**
 * Makes a config out of samples of the files to train on.
 *
 * @param samples of each file to train on; two of plain text are a text and its translation, line by line
 * @throws UserError where nothing can be learned
 */
export function planConfig(samples: readonly Sample[], roles: Roles, wishes: Wishes): InitPlan {
  const [first, second] = samples as [Sample, Sample?];
  const isPair =
    second !== undefined && [first, second].every(({ content }) => content.kind === 'lines');
  const decision =
    isPair && samples.length === 2
      ? decidePair(first, second, wishes)
      : first.content.kind === 'table'
        ? decideTable(first, first.content, wishes)
        : first.content.kind === 'tagged'
          ? decideTags(first, first.content, wishes)
          : decideText(first, first.content, wishes);
  const { task, recipe } = decision;
  if (isPair) expectPairs(roles);
  const data: Entry[] = [
    ['train', listFiles(roles.train, isPair)],
    roles.validation.length > 0
      ? ['validation', listFiles(roles.validation, isPair)]
      : holdOut(first, decision, roles),
    ...(roles.test.length > 0 ? ([['test', listFiles(roles.test, isPair)]] as const) : []),
    ...layoutOf(first, isPair),
    ...decision.data,
    ...recipe.data,
  ];
  const lines = [
    `# What \`lockstep init\` made of ${roles.train.join(' and ')}; every key is explained in docs/config.md.`,
    ...decision.seen.map((line) => `# ${line.trim()}`),
    ...writeEntries([
      ['task', task, taskOf(task).learns],
      ['data', data],
      ['model', recipe.model],
      ['train', recipe.train],
    ]),
  ];
  return { task, seen: decision.seen, reasons: decision.reasons, text: `${lines.join('\n')}\n` };
}

/** @throws UserError where no share of the rows would do */
function holdOut({ path }: Sample, { rows, classesByRow }: Decision, roles: Roles): Entry {
  const usual = rows < 500 ? 0.2 : 0.1;
  const isKnown = classesByRow !== undefined && roles.train.length === 1;
  const share = isKnown ? chooseHeldOut(path, classesByRow, usual) : usual;
  if (share === undefined) {
    throw new UserError(
      `${path}: some class has so few rows that none would be left to train on, whatever share is held out to validate on: add rows of it or leave it out, or name a file to validate on beside it (its name has valid or dev in it)`,
    );
  }
  const why =
    share === usual
      ? 'a part of the rows is not trained on: it tells how well unseen ones do'
      : 'not trained on; with more, no row of some rare class would be left to train on';
  return ['validation', String(share), why];
}

/** @throws UserError where files to validate on or to measure on are not a text and its translation */
function expectPairs({ validation, test }: Roles): void {
  for (const [purpose, files] of Object.entries({ 'validate on': validation, test })) {
    if (files.length === 0 || files.length === 2) continue;
    throw new UserError(
      `${files.join(', ')}: expected one text and its translation to ${purpose}, found ${counted(files.length, 'file', 'files')}: name two, and write further pairs into the config`,
    );
  }
}

function listFiles(files: readonly string[], isPair: boolean): string {
  if (isPair) return `{ source: ${quote(files[0]!)}, target: ${quote(files[1]!)} }`;
  return files.length === 1 ? quote(files[0]!) : `[${files.map(quote).join(', ')}]`;
}

function layoutOf({ format, isTold, encoding, content }: Sample, isPair: boolean): Entry[] {
  const table = content.kind === 'table' ? content : undefined;
  return [
    ...(isTold && !isPair ? ([['format', format, 'which the name does not tell']] as const) : []),
    ...(encoding ? ([['encoding', encoding, 'the file is not UTF-8']] as const) : []),
    ...(table?.header === false
      ? ([['header', 'false', 'columns have numbers, from 1']] as const)
      : []),
    ...(table?.delimiter !== undefined
      ? ([['delimiter', JSON.stringify(table.delimiter)]] as const)
      : []),
    ...(table?.quote !== undefined ? ([['quote', JSON.stringify(table.quote)]] as const) : []),
  ];
}
