import type { NextTokens, Writing } from './search.js';

/** A text that is to be continued by a token. */
export interface StepRow {
  /** Which of the sentences it translates. */
  readonly sentence: number;
  /** The row that it continues, of the last step in which its sentence took part; the sentence's own before the first. */
  readonly parent: number;
  /** The token that was written last: what the network reads. */
  readonly token: number;
}

/** A network that goes on with many texts at once, a token a step. */
export interface Stepper {
  /** How many of the likeliest tokens it tells of each text; 0 where it ranks none. */
  readonly ranks: number;
  /**
   * Reads the next token of every text; what follows each is told by its row.
   *
   * @param waiting sentences that have no row in this step, but will in a later one
   * @param needsAll whether somebody will look at the probabilities of all tokens
   */
  step(
    rows: readonly StepRow[],
    waiting: readonly number[],
    needsAll: boolean,
  ): Promise<NextTokens>;
}

/** A sentence's texts and their rows in the last step in which it took part. */
interface UnderWay {
  readonly search: Writing;
  readonly sentence: number;
  firstRow: number;
}

/**
 * Has the searches of some sentences ended. The first step has a row for each sentence; in those that follow only some are computed, and
 * where one of them has ended the next takes its place: steps stay as large as they may be until the last ones.
 *
 * @param boundary what every text begins with
 * @param atOnce sentences that are computed at a time after the first step
 */
export async function decode(
  searches: readonly Writing[],
  stepper: Stepper,
  boundary: number,
  atOnce = searches.length,
): Promise<void> {
  const all = searches.map((search, sentence) => ({ search, sentence, firstRow: sentence }));
  await advance(all, stepper, boundary, []);
  const line = all.filter(isLive);
  let next = 0;
  for (let some: readonly UnderWay[] = []; ;) {
    const left = some.filter(isLive);
    some = [...left, ...line.slice(next, next + atOnce - left.length)];
    next += some.length - left.length;
    if (some.length === 0) return;
    const waiting = line.slice(next).map(({ sentence }) => sentence);
    await advance(some, stepper, boundary, waiting);
  }
}

function isLive({ search }: UnderWay): boolean {
  return search.live.length > 0;
}

/** Goes one step further with all texts of some sentences. */
async function advance(
  some: readonly UnderWay[],
  stepper: Stepper,
  boundary: number,
  waiting: readonly number[],
): Promise<void> {
  const rows: StepRow[] = [];
  for (const each of some) {
    const { search, sentence, firstRow } = each;
    each.firstRow = rows.length;
    search.live.forEach((path, place) => {
      const parent = firstRow + search.parents[place]!;
      rows.push({ sentence, parent, token: path?.token ?? boundary });
    });
  }
  const needsAll = some.some(({ search }) => search.needsAll(stepper.ranks));
  const next = await stepper.step(rows, waiting, needsAll);
  for (const { search, firstRow } of some) search.advance(next, firstRow);
}
