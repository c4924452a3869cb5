/** One of several that train the same case, each in its turns. */
export interface Contender {
  name: string;
  /** Trains for about so long. @returns tokens in a second */
  turn(seconds: number): Promise<number>;
  close(): Promise<void>;
}

/** Of figures in any order. */
export interface Quartiles {
  lower: number;
  median: number;
  upper: number;
}

/** What turns have come to. */
export interface Match {
  /** Of the others' ways the one that was best, and tokens a second of each that was tried. */
  best: string;
  ways: Record<string, Quartiles>;
  /** Of each of ours: tokens a second, and how many times as many as the best way had in the turn beside it. */
  ours: { rate: Quartiles; ratio: Quartiles }[];
  rounds: number;
  /** Whether the ratios' medians were certain enough before there were too many rounds. */
  isSteady: boolean;
}

/** Rounds in which every way is tried. */
const TRIALS = 3;
/** A way that falls behind the best by more has no further turns. */
const HOPELESS = 0.9;
const FEWEST_ROUNDS = 7;
const MOST_ROUNDS = 40;
/** Half of the 95 % interval of a ratio's median, over the median, at which it is taken for steady. */
const STEADY = 0.02;
/** That half interval of a median, in ranges between the quartiles over the root of the number (McGill, Tukey and Larsen 1978). */
const NOTCH = 1.57;

/**
 * Has all train in turns, so that what else happens on the machine hits them alike, until the ratios are steady: of a round's
 * turns, which follow each other. Ways that are hopeless are left out after a few rounds.
 *
 * @param ours what is compared
 * @param ways to train that the other one has: the best is compared with
 * @param seconds of a turn
 */
export async function takeTurns(
  ours: readonly Contender[],
  ways: readonly Contender[],
  seconds: number,
): Promise<Match> {
  const rates = new Map<Contender, number[]>([...ours, ...ways].map((each) => [each, []]));
  const ratesOf = (contender: Contender): number[] => rates.get(contender)!;
  const medianOf = (contender: Contender): number => quartiles(ratesOf(contender)).median;
  let tried = ways;
  for (let rounds = 1; ; rounds++) {
    for (const contender of [...ours, ...tried]) {
      ratesOf(contender).push(await contender.turn(seconds));
    }
    const best = tried.reduce((one, other) => (medianOf(other) > medianOf(one) ? other : one));
    if (rounds >= TRIALS) tried = tried.filter((way) => medianOf(way) > HOPELESS * medianOf(best));
    const ratios = ours.map((each) =>
      quartiles(ratesOf(each).map((rate, round) => rate / ratesOf(best)[round]!)),
    );
    const isSteady = ratios.every((ratio) => uncertainty(ratio, rounds) < STEADY);
    if (rounds < MOST_ROUNDS && (rounds < FEWEST_ROUNDS || !isSteady)) continue;
    return {
      ...{ best: best.name, rounds, isSteady },
      ways: Object.fromEntries(ways.map((way) => [way.name, quartiles(ratesOf(way))])),
      ours: ours.map((each, i) => ({ rate: quartiles(ratesOf(each)), ratio: ratios[i]! })),
    };
  }
}

function uncertainty({ lower, median, upper }: Quartiles, count: number): number {
  return (NOTCH * (upper - lower)) / Math.sqrt(count) / median;
}

/** Between two figures in proportion. */
export function quartiles(figures: readonly number[]): Quartiles {
  const sorted = figures.toSorted((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)]!;
    return below + (place % 1) * (sorted[Math.ceil(place)]! - below);
  };
  return { lower: at(0.25), median: at(0.5), upper: at(0.75) };
}
