import type { NextTokens, Search } from './search.js';

/** A text that is to be continued by a token. */
export interface StepRow {
  /** Which of the sentences it translates. */
  readonly sentence: number;
  /** The row of the step before that it continues; the sentence's own before the first. */
  readonly parent: number;
  /** The token that was written last: what the network reads. */
  readonly token: number;
}

/** A network that goes on with many texts at once, a token a step. */
export interface Stepper {
  /** Reads the next token of every text; what follows each is told by its row. */
  step(rows: readonly StepRow[]): Promise<NextTokens>;
}

/**
 * Has the searches of some sentences ended, all of them at once, step by step.
 *
 * @param boundary what every text begins with
 */
export async function decode(
  searches: readonly Search[],
  stepper: Stepper,
  boundary: number,
): Promise<void> {
  /** By search: the first of its rows in the step before. */
  let firsts = searches.map((_, sentence) => sentence);
  for (;;) {
    const rows: StepRow[] = [];
    const nextFirsts = searches.map((search, sentence) => {
      const first = rows.length;
      search.live.forEach((path, place) => {
        const parent = firsts[sentence]! + search.parents[place]!;
        rows.push({ sentence, parent, token: path?.token ?? boundary });
      });
      return first;
    });
    if (rows.length === 0) return;
    const next = await stepper.step(rows);
    searches.forEach((search, sentence) => {
      if (search.live.length === 0) return;
      const first = nextFirsts[sentence]!;
      search.advance({
        probabilities: (place) => next.probabilities(first + place),
        ...(next.ranked && {
          ranked: (place: number, most: number) => next.ranked!(first + place, most),
        }),
        ...(next.attention && { attention: (place) => next.attention!(first + place) }),
      });
    });
    firsts = nextFirsts;
  }
}
