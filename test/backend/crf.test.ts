import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  crf,
  crfEnds,
  crfPack,
  crfTransitions,
  NEVER,
  type CrfOperands,
} from '../../src/backend/kernels/crf.js';
import { panelsOf } from '../../src/tensor/heap.js';
import { describeContract, itHasEqualBits, type KernelCase } from './contract.js';
import { compiled, reference } from './implementations.js';
import { EPSILON, uniform, Workbench, zeros, type Fill } from './workbench.js';
import { tries } from '../effort.js';

type Calls = [begin: number, end: number][];
type Mode = CrfOperands['mode'];

/** Scores of a chain, and rows of tokens that lie one behind the other in memory from the last to the first. */
interface Chain {
  classes: number;
  lengths: number[];
  targets: number[];
  logits: Fill;
  scores: Fill;
  /** Whether a tag (or the start, which is tag `classes`) may not be followed by a tag, or the end. */
  isForbidden: (from: number, to: number) => boolean;
}

function layOut(bench: Workbench, chain: Chain) {
  const { classes, lengths, targets, logits, scores, isForbidden } = chain;
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const rowStart = [0];
  for (const length of lengths) rowStart.push(rowStart.at(-1)! + length);
  const columns = panelsOf(classes) * 16;
  const given = {
    transitions: bench.tensor('transitions', [classes, classes], scores),
    start: bench.tensor('start', [classes], (tag) => scores(tag, 1000)),
    end: bench.tensor('end', [classes], (tag) => scores(tag, 2000)),
  };
  const allowed = bench.tensor('allowed', [classes, classes + 2], (from, to) => {
    const forbids =
      to < classes
        ? isForbidden(from, to)
        : to === classes
          ? isForbidden(classes, from)
          : isForbidden(from, classes);
    return forbids ? NEVER : 0;
  });
  const packed = {
    expTo: bench.panels('exp to', classes, classes, zeros),
    expFrom: bench.panels('exp from', classes, classes, zeros),
    expStart: bench.tensor('exp start', [columns], zeros),
    expEnd: bench.tensor('exp end', [columns], zeros),
    best: bench.panels('best', classes, classes, zeros),
    bestStart: bench.tensor('best start', [columns], zeros),
    bestEnd: bench.tensor('best end', [columns], zeros),
  };
  const rows = {
    rowStart: bench.indices('row start', rowStart),
    tokenPlaces: bench.indices(
      'token places',
      Array.from({ length: tokens }, (_, token) => tokens - 1 - token),
    ),
  };
  return {
    ...{ ...given, ...packed, ...rows, allowed },
    targets: bench.indices('targets', targets.toReversed()),
    logits: bench.panels('logits', tokens, classes, logits),
    losses: bench.tensor('losses', [tokens], zeros),
    predicted: bench.indices('predicted', new Array<number>(tokens).fill(-1)),
    ahead: bench.panels('ahead', tokens, classes, zeros),
    behind: bench.panels('behind', tokens, classes, zeros),
  };
}

const usual = (classes: number): Chain => {
  const lengths = [5, 1, 9, 2];
  return {
    ...{ classes, lengths, logits: uniform(3, 1), scores: uniform(1, 2) },
    targets: Array.from({ length: 17 }, (_, k) => (k * 7 + 3) % classes),
    isForbidden: (from, to) => from === to && from > 0,
  };
};

function chainCase(classes: number, mode: Mode, calls: Calls = [[0, 4]]): KernelCase {
  return {
    name: `${classes} tags, ${mode}, rows ${calls.map((rows) => rows.join('–')).join(' ')}`,
    prepare(bench) {
      const o = layOut(bench, usual(classes));
      // Probabilities and their sums go through 18 roundings a token and a sum over the tags; scores are below 60.
      for (const name of ['logits', 'ahead']) bench.allow(name, 600 * EPSILON);
      // Scales, and so what is behind, are as large as the tags are many and far from each other: e^8.
      bench.allow('behind', 0.05);
      bench.allow('losses', 600 * EPSILON);
      for (const name of ['exp to', 'exp from', 'exp start', 'exp end']) {
        bench.allow(name, 10 * EPSILON);
      }
      for (const name of ['best', 'best start', 'best end']) bench.allow(name, 2 * EPSILON);
      const pack = bench.backend.bind(crfPack, o);
      const { targets, ...rest } = o;
      const call = bench.backend.bind(crf, {
        ...{ ...rest, mode },
        ...(mode !== 'predict' && { targets }),
      });
      return () => {
        pack(0, panelsOf(classes));
        calls.forEach(([begin, end]) => call(mode === 'train' ? 0.5 : 0, begin, end));
      };
    },
  };
}

function transitionsCase(classes: number, calls?: Calls): KernelCase {
  const units = calls ?? [[0, panelsOf(classes)]];
  return {
    name: `${classes} tags, panels ${units.map((each) => each.join('–')).join(' ')}`,
    prepare(bench) {
      const o = layOut(bench, usual(classes));
      const width = panelsOf(classes) * 16;
      const sums = bench.tensor('sums', [classes, width], uniform(0.5, 7));
      const squares = bench.doubles('squares', panelsOf(classes));
      bench.allow('sums', 40 * EPSILON);
      bench.allow('squares', 1e-3);
      const call = bench.backend.bind(crfTransitions, {
        ...{ sums, squares, transitions: o.transitions, targets: o.targets },
        ...{ rowStart: o.rowStart, tokenPlaces: o.tokenPlaces, rows: bench.indices('rows', [4]) },
      });
      return () => units.forEach(([begin, end]) => call(0.25, begin, end));
    },
  };
}

function endsCase(classes: number, segments: number[], calls?: Calls): KernelCase {
  const units = calls ?? [[0, panelsOf(classes)]];
  return {
    name: `${classes} tags, shards at ${segments.join(' ')}, panels ${units.map((each) => each.join('–')).join(' ')}`,
    prepare(bench) {
      const o = layOut(bench, usual(classes));
      const dStart = bench.tensor('d start', [classes]);
      const dEnd = bench.tensor('d end', [classes]);
      const squares = bench.doubles('squares', panelsOf(classes));
      for (const name of ['d start', 'd end']) bench.allow(name, 40 * EPSILON);
      bench.allow('squares', 1e-2);
      const call = bench.backend.bind(crfEnds, {
        ...{ dLogits: o.logits, rowStart: o.rowStart, tokenPlaces: o.tokenPlaces },
        ...{ segments: bench.indices('segments', segments), dStart, dEnd, squares },
      });
      return () => units.forEach(([begin, end]) => call(begin, end));
    },
  };
}

const CLASSES = [2, 15, 16, 17, 70, 130];
describeContract(
  'chains of tags',
  CLASSES.flatMap((classes) =>
    (['train', 'evaluate', 'predict'] as const).map((mode) => chainCase(classes, mode)),
  ),
);
describeContract(
  'gradients of transitions',
  CLASSES.map((classes) => transitionsCase(classes)),
);
describeContract('gradients of ends', [
  ...CLASSES.map((classes) => endsCase(classes, [0, 2, 2, 3, 4])),
  endsCase(20, [0, 4]),
]);
itHasEqualBits(
  'a row has the same bits in any call',
  chainCase(20, 'train'),
  chainCase(20, 'train', [
    [2, 4],
    [0, 1],
    [1, 2],
  ]),
);
itHasEqualBits(
  'transitions have the same gradients whoever forms them',
  transitionsCase(40),
  transitionsCase(40, [
    [2, 3],
    [0, 2],
  ]),
);

/** All ways to tag a row. */
function* listTaggings(classes: number, length: number): Generator<number[]> {
  if (length === 0) yield [];
  else {
    for (const rest of listTaggings(classes, length - 1)) {
      for (let tag = 0; tag < classes; tag++) yield [...rest, tag];
    }
  }
}

test.each([reference, ...compiled.filter(({ missing }) => missing === undefined)])(
  'losses, probabilities and best paths are those of all ways to tag a row: $name',
  (implementation) => {
    const chains = fc.record({
      classes: fc.integer({ min: 2, max: 4 }),
      length: fc.integer({ min: 1, max: 5 }),
      size: fc.constantFrom(0.5, 2, 8, 200),
      scoresSize: fc.constantFrom(0.5, 8, 30, 60, 300),
      stream: fc.integer({ min: 1, max: 500 }),
      forbidden: fc.array(fc.boolean(), { minLength: 25, maxLength: 25 }),
    });
    fc.assert(
      fc.property(chains, ({ classes, length, size, scoresSize, stream, forbidden }) => {
        const truth = Array.from({ length }, (_, t) => (stream + t * t) % classes);
        // The first tag may always be, so that there is a way.
        const isForbidden = (from: number, to: number): boolean =>
          from % classes !== 0 && to % classes !== 0 && forbidden[from * 5 + to]!;
        const logits = uniform(size, stream);
        const scores = uniform(scoresSize, stream + 1);
        const score = (tags: readonly number[]): number =>
          tags.reduce(
            (sum, tag, t) => {
              const place = length - 1 - t;
              const step = t === 0 ? scores(tag, 1000) : scores(tags[t - 1]!, tag);
              return sum + logits(place, tag) + step;
            },
            scores(tags.at(-1)!, 2000),
          );
        const ways = [...listTaggings(classes, length)].map((tags) => ({
          ...{ tags, score: score(tags) },
          isAllowed: [classes, ...tags].every((from, t) => !isForbidden(from, tags[t] ?? classes)),
        }));
        const most = Math.max(...ways.map((way) => way.score));
        const z = ways.reduce((sum, way) => sum + Math.exp(way.score - most), 0);
        const chain = { classes, lengths: [length], targets: truth, logits, scores, isForbidden };
        const tolerance = 2e-5 * (1 + size + scoresSize);

        const evaluated = runChain(implementation, chain, 'evaluate');
        const loss = evaluated.losses.reduce((sum, each) => sum + each, 0);
        // Scores that float32's exponentials cannot hold are said to be none, never answered with another number.
        if (Number.isNaN(loss)) {
          expect(scoresSize).toBeGreaterThan(35);
          return;
        }
        expect(Math.abs(loss - (most + Math.log(z) - score(truth)))).toBeLessThan(tolerance);
        const best = ways.filter(({ isAllowed }) => isAllowed).map((way) => way.score);
        const found = ways.find(({ tags }) => tags.every((tag, t) => tag === evaluated.tags[t]))!;
        expect(found.isAllowed).toBe(true);
        expect(Math.max(...best) - found.score).toBeLessThan(tolerance);

        const predicted = runChain(implementation, chain, 'predict');
        expect(predicted.tags).toEqual(evaluated.tags);
        for (let t = 0; t < length; t++) {
          for (let tag = 0; tag < classes; tag++) {
            const share = ways
              .filter(({ tags }) => tags[t] === tag)
              .reduce((sum, way) => sum + Math.exp(way.score - most) / z, 0);
            expect(Math.abs(predicted.values[t]![tag]! - share)).toBeLessThan(tolerance);
          }
        }
        const trained = runChain(implementation, chain, 'train');
        trained.values.forEach((gradients, t) =>
          gradients.forEach((gradient, tag) => {
            const own = predicted.values[t]![tag]! - (tag === truth[t] ? 1 : 0);
            expect(Math.abs(gradient - own / 2)).toBeLessThan(tolerance);
          }),
        );
      }),
      { numRuns: tries(20) },
    );
  },
);

/** Of its only row, token by token. */
function runChain(implementation: typeof reference, chain: Chain, mode: Mode) {
  const bench = new Workbench(implementation);
  const o = layOut(bench, chain);
  const { targets, ...rest } = o;
  bench.backend.bind(crfPack, o)(0, 1);
  const given = { ...rest, mode, ...(mode !== 'predict' && { targets }) };
  bench.backend.bind(crf, given)(mode === 'train' ? 0.5 : 0, 0, 1);
  const { classes, lengths } = chain;
  const places = Array.from({ length: lengths[0]! }, (_, t) => lengths[0]! - 1 - t);
  return {
    losses: places.map((place) => o.losses.get(place)),
    tags: places.map((place) => o.predicted.get(place)),
    values: places.map((place) =>
      Array.from({ length: classes }, (_, tag) => o.logits.get(0, place, tag)),
    ),
  };
}
