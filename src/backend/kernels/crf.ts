import { PANEL, type DoubleTensor, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Units } from './kernel.js';
import { at, columnsOf, element, maybe, setElement } from './operands.js';

/** Learned scores of a chain of tags: of one behind another, of the first and of the last. */
export interface CrfScores {
  /** [classes, classes]: from a tag to the one behind it */
  transitions: Tensor;
  /** [classes] */
  start: Tensor;
  end: Tensor;
}

/** What is made of the scores once they have changed. */
export interface CrfPacked {
  /** [panels, classes, 16]: e^T by panels of what follows, and by panels of what precedes */
  expTo: Tensor;
  expFrom: Tensor;
  /** [16 · panels] */
  expStart: Tensor;
  expEnd: Tensor;
  /** Scores for the best path: [panels, classes, 16] by panels of what follows; [16 · panels] */
  best: Tensor;
  bestStart: Tensor;
  bestEnd: Tensor;
}

/** Where the rows' tokens lie: see batch-layout.ts. */
export interface CrfRows {
  rowStart: IndexTensor;
  tokenPlaces: IndexTensor;
}

export interface CrfOperands extends CrfScores, CrfPacked, CrfRows {
  /** [panels, places, 16]: scores of tags in; probabilities or the gradient of the loss out */
  logits: Tensor;
  targets?: IndexTensor;
  /** [places]: what each token adds to −ln p(tags of its row) */
  losses: Tensor;
  /** [places] */
  predicted: IndexTensor;
  /** [panels, places + rows, 16] and [panels, places, 16]: the passes over a row, see kernels/crf.c */
  ahead: Tensor;
  behind: Tensor;
  mode: 'predict' | 'evaluate' | 'train';
}

/** What scores of a best path are lowered by where a tag may not follow. */
export const NEVER = -1e30;

const MODES = { predict: 0, evaluate: 1, train: 2 } as const;

/** Beyond it are only tags that cannot be. */
const MOST = 1e30;

function indexOfLargest(values: readonly number[]): number {
  return values.reduce((most, value, i) => (value > values[most]! ? i : most), 0);
}

/** All tags of each of the batch's rows [row0, row1) together: losses, best paths, probabilities, gradients. */
export const crf: Kernel<CrfOperands, [scale: number, row0: number, row1: number]> = {
  name: 'crf',
  arguments: (o) => [
    ...[at(o.logits), o.logits.stride[0]!, o.start.shape[0]!, o.logits.shape[0]!],
    ...[maybe(o.targets), at(o.losses), at(o.predicted), at(o.rowStart), at(o.tokenPlaces)],
    ...[at(o.transitions), at(o.start), at(o.end), o.best.stride[0]!],
    ...[at(o.expTo), at(o.expFrom), at(o.expStart), at(o.expEnd)],
    ...[at(o.best), at(o.bestStart), at(o.bestEnd)],
    ...[at(o.ahead), o.ahead.stride[0]!, at(o.behind), o.behind.stride[0]!, MODES[o.mode]],
  ],
  call: plainNumbers,
  reference: (o) => (scale, row0, row1) => {
    for (let row = row0; row < row1; row++) {
      const begin = o.rowStart.get(row);
      const places = Array.from({ length: o.rowStart.get(row + 1) - begin }, (_, t) =>
        o.tokenPlaces.get(begin + t),
      );
      if (places.length === 0) continue;
      if (o.mode !== 'train') findBest(o, places);
      const ends = goForward(o, places);
      if (o.mode !== 'evaluate') goBackward(o, places, ends, scale);
    }
  },
};

function tagsOf({ start }: CrfScores): number[] {
  return Array.from({ length: start.shape[0]! }, (_, tag) => tag);
}

function findBest(o: CrfOperands, places: readonly number[]): void {
  const tags = tagsOf(o);
  const from: number[][] = [];
  let scores = tags.map((tag) => o.bestStart.get(tag) + element(o.logits, places[0]!, tag));
  for (const place of places.slice(1)) {
    const ways = tags.map((to) => scores.map((score, tag) => score + element(o.best, tag, to)));
    from.push(ways.map(indexOfLargest));
    scores = tags.map((to) => Math.max(...ways[to]!) + element(o.logits, place, to));
  }
  let tag = indexOfLargest(scores.map((score, i) => score + o.bestEnd.get(i)));
  for (let t = places.length - 1; t >= 0; t--) {
    o.predicted.set(places[t]!, tag);
    tag = from[t - 1]?.[tag] ?? 0;
  }
}

/** @returns the sum over the last token's tags of what their ends make of them */
function goForward(o: CrfOperands, places: readonly number[]): number {
  const tags = tagsOf(o);
  places.forEach((place, t) => {
    const logits = tags.map((tag) => element(o.logits, place, tag));
    const most = Math.max(...logits);
    const x = logits.map((logit) => Math.exp(logit - most));
    const before = places[t - 1];
    const a = tags.map((to) => {
      if (before === undefined) return o.expStart.get(to) * x[to]!;
      const sum = tags.reduce(
        (total, tag) => total + element(o.ahead, before, tag) * element(o.expTo, tag, to),
        0,
      );
      return sum * x[to]!;
    });
    const sum = a.reduce((total, value) => total + value, 0);
    for (let tag = 0; tag < columnsOf(o.logits); tag++) {
      setElement(o.ahead, place, tag, (a[tag] ?? 0) / sum);
      setElement(o.behind, place, tag, (x[tag] ?? 0) / sum);
    }
    if (!o.targets) return;
    const target = o.targets.get(place);
    const step =
      before === undefined ? o.start.get(target) : o.transitions.get(o.targets.get(before), target);
    o.losses.set(place, Math.log(sum) + most - logits[target]! - step);
  });
  const last = places.at(-1)!;
  const sum = tags.reduce(
    (total, tag) => total + element(o.ahead, last, tag) * o.expEnd.get(tag),
    0,
  );
  if (o.targets) {
    o.losses.set(last, o.losses.get(last) + Math.log(sum) - o.end.get(o.targets.get(last)));
  }
  return sum;
}

function goBackward(o: CrfOperands, places: readonly number[], ends: number, scale: number): void {
  const tags = tagsOf(o);
  for (let t = places.length - 1; t >= 0; t--) {
    const place = places[t]!;
    const next = places[t + 1];
    const probabilities = tags.map((tag) => {
      const rest =
        next === undefined
          ? o.expEnd.get(tag) / ends
          : tags.reduce(
              (sum, to) => sum + element(o.expFrom, to, tag) * element(o.behind, next, to),
              0,
            );
      const own = Math.min(element(o.behind, place, tag) * Math.min(rest, MOST), MOST);
      setElement(o.behind, place, tag, own);
      return element(o.ahead, place, tag) * Math.min(rest, MOST);
    });
    const trains = o.mode === 'train';
    if (trains) o.predicted.set(place, indexOfLargest(probabilities));
    for (let tag = 0; tag < columnsOf(o.logits); tag++) {
      const probability = probabilities[tag] ?? 0;
      const truth = trains && tag === o.targets!.get(place) ? 1 : 0;
      setElement(o.logits, place, tag, trains ? (probability - truth) * scale : probability);
    }
  }
}

export interface CrfPackOperands extends CrfScores, CrfPacked {
  /** [classes, classes + 2]: 0, or NEVER where a tag may not be followed by another, begin a row, end one */
  allowed: Tensor;
}

/** What is made of the scores of the tags of panels [unit0, unit1). */
export const crfPack: Kernel<CrfPackOperands, Units> = {
  name: 'crf_pack',
  arguments: (o) => [
    ...[at(o.transitions), at(o.start), at(o.end), o.start.shape[0]!, o.best.stride[0]!],
    ...[at(o.expTo), at(o.expFrom), at(o.expStart), at(o.expEnd)],
    ...[at(o.best), at(o.bestStart), at(o.bestEnd), at(o.allowed)],
  ],
  call: plainNumbers,
  reference: (o) => (unit0, unit1) => {
    const classes = o.start.shape[0]!;
    for (let from = unit0 * PANEL; from < Math.min(classes, unit1 * PANEL); from++) {
      for (let to = 0; to < classes; to++) {
        const score = o.transitions.get(from, to);
        setElement(o.expTo, from, to, Math.exp(score));
        setElement(o.expFrom, to, from, Math.exp(score));
        setElement(o.best, from, to, score + o.allowed.get(from, to));
      }
      o.expStart.set(from, Math.exp(o.start.get(from)));
      o.expEnd.set(from, Math.exp(o.end.get(from)));
      o.bestStart.set(from, o.start.get(from) + o.allowed.get(from, classes));
      o.bestEnd.set(from, o.end.get(from) + o.allowed.get(from, classes + 1));
    }
  },
};

export interface CrfTransitionsOperands extends CrfRows {
  /** [classes, 16 · panels]: sum over tokens of what is ahead of one and behind the next; becomes the gradient */
  sums: Tensor;
  transitions: Tensor;
  targets: IndexTensor;
  /** [1 or more]: rows of the batch first */
  rows: IndexTensor;
  /** [panels] */
  squares: DoubleTensor;
}

/** Gradients of transitions from the tags of panels [unit0, unit1), times `scale`. */
export const crfTransitions: Kernel<
  CrfTransitionsOperands,
  [scale: number, unit0: number, unit1: number]
> = {
  name: 'crf_transitions',
  arguments: (o) => [
    ...[at(o.sums), o.sums.stride[0]!, o.transitions.shape[0]!, at(o.transitions)],
    ...[at(o.targets), at(o.rowStart), at(o.tokenPlaces), at(o.rows), at(o.squares)],
  ],
  call: plainNumbers,
  reference: (o) => (scale, unit0, unit1) => {
    const classes = o.transitions.shape[0]!;
    for (let unit = unit0; unit < unit1; unit++) {
      let squares = 0;
      for (let from = unit * PANEL; from < Math.min(classes, (unit + 1) * PANEL); from++) {
        const counts = countFollowers(o, from, classes);
        for (let to = 0; to < classes; to++) {
          const expected = o.sums.get(from, to) * Math.exp(o.transitions.get(from, to));
          const gradient = (expected - counts[to]!) * scale;
          o.sums.set(from, to, gradient);
          squares += gradient * gradient;
        }
      }
      o.squares.set(unit, squares);
    }
  },
};

function countFollowers(o: CrfTransitionsOperands, from: number, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (let row = 0; row < o.rows.get(0); row++) {
    for (let token = o.rowStart.get(row) + 1; token < o.rowStart.get(row + 1); token++) {
      const before = o.targets.get(o.tokenPlaces.get(token - 1));
      if (before === from) counts[o.targets.get(o.tokenPlaces.get(token))]! += 1;
    }
  }
  return counts;
}

export interface CrfEndsOperands extends CrfRows {
  /** [panels, places, 16] */
  dLogits: Tensor;
  /** [segments + 1]: first row of each shard; the number of shards is a power of two */
  segments: IndexTensor;
  /** [classes] */
  dStart: Tensor;
  dEnd: Tensor;
  /** [panels]: of both */
  squares: DoubleTensor;
}

/** Gradients of the scores of starts and ends, for the tags of panels [unit0, unit1), summed in the shards' fixed tree. */
export const crfEnds: Kernel<CrfEndsOperands, Units> = {
  name: 'crf_ends',
  arguments: (o) => [
    ...[at(o.dLogits), o.dLogits.stride[0]!, o.dStart.shape[0]!],
    ...[at(o.rowStart), at(o.tokenPlaces), at(o.segments), o.segments.shape[0]! - 1],
    ...[at(o.dStart), at(o.dEnd), at(o.squares)],
  ],
  call: plainNumbers,
  reference: (o) => (unit0, unit1) => {
    const rows = o.segments.get(o.segments.shape[0]! - 1);
    const classes = o.dStart.shape[0]!;
    for (let unit = unit0; unit < unit1; unit++) {
      let squares = 0;
      for (let tag = unit * PANEL; tag < Math.min(classes, (unit + 1) * PANEL); tag++) {
        let [first, last] = [0, 0];
        for (let row = 0; row < rows; row++) {
          const [begin, end] = [o.rowStart.get(row), o.rowStart.get(row + 1)];
          if (begin === end) continue;
          first += element(o.dLogits, o.tokenPlaces.get(begin), tag);
          last += element(o.dLogits, o.tokenPlaces.get(end - 1), tag);
        }
        o.dStart.set(tag, first);
        o.dEnd.set(tag, last);
        squares += first * first + last * last;
      }
      o.squares.set(unit, squares);
    }
  },
};
