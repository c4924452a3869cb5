import { availableParallelism } from 'node:os';
import { findNearest } from '../config/nearest.js';
import { UserError } from '../errors.js';
import { BENCH_CASES, type BenchCase } from '../bench/bench-cases.js';
import { benchKernels } from '../bench/bench-kernels.js';
import { benchBesidePeer } from '../bench/bench-peer.js';
import { runBenchCase } from '../bench/bench.js';
import { findPeer } from '../bench/peer.js';
import { sumRoofs } from '../bench/roofs.js';
import {
  describeBench,
  describeKernels,
  describeMatch,
  describeRoofs,
} from './summaries/bench-output.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { wholeNumber } from './options/options.js';
import { printLines } from './table.js';

/** As in training, by default. */
const SHARDS = 16;
const SECONDS = 3;
const SECONDS_OF_A_TURN = 1;

export const benchCommand = (context: Context) =>
  defineCommand({
    command: 'bench [cases..]',
    describe: 'Times training steps of models of several sizes on this machine',
    positionals: {
      cases: {
        type: 'string',
        array: true,
        describe: `Cases to time; all by default: ${BENCH_CASES.map(({ name }) => name).join(', ')}`,
      },
    },
    options: {
      workers: {
        type: 'string',
        array: true,
        requiresArg: true,
        describe: 'Numbers of workers to time; 1 and every core by default',
      },
      teams: {
        type: 'string',
        coerce: wholeNumber('teams', 1),
        requiresArg: true,
        describe: 'Teams that the workers form; by default as in training',
      },
      backend: {
        choices: ['auto', 'native', 'wasm', 'reference'] as const,
        default: 'auto' as const,
        requiresArg: true,
        describe: 'Kernels that compute',
      },
      precision: {
        type: 'string',
        array: true,
        // What follows is a case.
        nargs: 1,
        choices: ['float32', 'bfloat16'] as const,
        default: ['float32'] as ('float32' | 'bfloat16')[],
        requiresArg: true,
        describe: 'What products multiply; given twice, in both, as --peer then does, too',
      },
      seconds: {
        type: 'string',
        coerce: wholeNumber('seconds', 1),
        requiresArg: true,
        describe: `Seconds to measure each case's steps for, at least; ${SECONDS} by default; with --peer those of a turn, ${SECONDS_OF_A_TURN} by default`,
      },
      kernels: {
        type: 'boolean',
        default: false,
        describe:
          'Times every kernel of a step alone on one core, at the sizes it has with that many workers (1 by default), and a step beside them',
      },
      peer: {
        type: 'string',
        array: true,
        // What follows is a case.
        nargs: 1,
        requiresArg: true,
        describe:
          'Trains in turns with PyTorch, until the ratio is steady: a Python that has PyTorch 2, or the folder of a virtual environment; of several the newest PyTorch',
      },
      json: { type: 'boolean', default: false, describe: 'Prints one JSON object a line' },
    },
    async run({ cases, workers, teams, backend, precision, seconds, kernels, peer, json }) {
      if (kernels && (peer ?? teams) !== undefined) {
        throw new UserError('bench --kernels: --teams and --peer are for whole steps only');
      }
      const precisions = [...new Set(precision)];
      const chosen = chooseCases(cases ?? []).flatMap((benchCase) =>
        precisions.map((each) => [benchCase, each] as const),
      );
      const counts = (
        workers ?? (kernels ? ['1'] : [...new Set(['1', String(availableParallelism())])])
      ).map(wholeNumber('workers', 1));
      if (kernels) {
        for (const [benchCase, each] of chosen) {
          for (const count of counts) {
            const options = { workers: count, backend, shards: SHARDS, precision: each };
            const results = await benchKernels(benchCase, options);
            const step = await runBenchCase(benchCase, { ...options, seconds: seconds ?? SECONDS });
            const roofs = sumRoofs(results, count);
            const lines = json
              ? [...results, { ...step, roofs }].map((each) => JSON.stringify(each))
              : [...describeKernels(results), ...describeRoofs(step, roofs)];
            printLines(context.stdout, lines);
          }
        }
        return;
      }
      const found = peer && (await findPeer(peer));
      for (const [benchCase, products] of chosen) {
        const each = counts.map((count) => ({
          ...{ workers: count, backend, shards: SHARDS, precision: products },
          ...(teams !== undefined && { teams }),
        }));
        if (found) {
          const turn = seconds ?? SECONDS_OF_A_TURN;
          const outcome = await benchBesidePeer(benchCase, each, found, turn);
          const lines = json
            ? outcome.results.map((result) => JSON.stringify(result))
            : [...outcome.results.flatMap(describeBench), ...describeMatch(outcome)];
          printLines(context.stdout, lines);
          continue;
        }
        for (const options of each) {
          const result = await runBenchCase(benchCase, { ...options, seconds: seconds ?? SECONDS });
          printLines(context.stdout, json ? [JSON.stringify(result)] : describeBench(result));
        }
      }
    },
  });

function chooseCases(names: readonly string[]): BenchCase[] {
  if (names.length === 0) return [...BENCH_CASES];
  return names.map((name) => {
    const found = BENCH_CASES.find((benchCase) => benchCase.name === name);
    if (found) return found;
    const known = BENCH_CASES.map((benchCase) => benchCase.name);
    const nearest = findNearest(name, known) ?? known.join(', ');
    throw new UserError(`bench: there is no case "${name}"; did you mean ${nearest}?`);
  });
}
