import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { findNearest } from '../config/nearest.js';
import { UserError } from '../errors.js';
import { packageFile } from '../package-root.js';
import { BENCH_CASES, type BenchCase } from '../bench/bench-cases.js';
import { benchKernels, type KernelResult } from '../bench/bench-kernels.js';
import { runBenchCase, type BenchResult } from '../bench/bench.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { wholeNumber } from './options.js';
import { formatTable, printLines } from './table.js';
import { counted } from '../system/counted.js';

/** As in training, by default. */
const SHARDS = 16;

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
      seconds: {
        type: 'string',
        coerce: wholeNumber('seconds', 1),
        requiresArg: true,
        describe: 'Seconds to measure each case for, at least; 3 by default',
      },
      kernels: {
        type: 'boolean',
        default: false,
        describe:
          'Times every kernel of a step alone on one core, at the sizes it has with that many workers (1 by default)',
      },
      peer: {
        choices: ['python'] as const,
        requiresArg: true,
        describe: 'Runs the same cases in PyTorch too (if it is installed) and prints the ratio',
      },
      json: { type: 'boolean', default: false, describe: 'Prints one JSON object a line' },
    },
    async run({ cases, workers, teams, backend, seconds, kernels, peer, json }) {
      if (kernels && (peer ?? seconds ?? teams) !== undefined) {
        throw new UserError(
          'bench --kernels: --seconds, --teams and --peer are for whole steps only',
        );
      }
      const chosen = chooseCases(cases ?? []);
      const counts = (
        workers ?? (kernels ? ['1'] : [...new Set(['1', String(availableParallelism())])])
      ).map(wholeNumber('workers', 1));
      if (kernels) {
        for (const benchCase of chosen) {
          for (const count of counts) {
            const results = await benchKernels(benchCase, {
              workers: count,
              backend,
              shards: SHARDS,
            });
            const lines = json
              ? results.map((result) => JSON.stringify(result))
              : describeKernels(results);
            printLines(context.stdout, lines);
          }
        }
        return;
      }
      for (const benchCase of chosen) {
        const peerResult = peer === undefined ? undefined : await runPeer(benchCase.name);
        for (const count of counts) {
          const result = await runBenchCase(benchCase, {
            workers: count,
            ...(teams !== undefined && { teams }),
            backend,
            seconds: seconds ?? 3,
            shards: SHARDS,
          });
          const ratio = peerResult && result.tokensPerSecond / peerResult.bestTokensPerSecond;
          const lines = json
            ? [JSON.stringify({ ...result, ...(peerResult && { peer: peerResult, ratio }) })]
            : describe(result, peerResult);
          printLines(context.stdout, lines);
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

function describeWorkers({ workers, teams }: BenchResult): string {
  return `${counted(workers, 'worker')}${teams < workers ? ` in ${counted(teams, 'team')}` : ''}`;
}

function describe(result: BenchResult, peer: PeerResult | undefined): string[] {
  const { stepMs, tokensPerSecond, gflops, peakGflops, peakShare, idleShare } = result;
  const count = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
  const ratio =
    peer === undefined
      ? []
      : [
          `  PyTorch's best: ${count.format(peer.bestTokensPerSecond)} tokens/s; ratio ${(tokensPerSecond / peer.bestTokensPerSecond).toFixed(2)}`,
        ];
  return [
    `${result.case}, ${describeWorkers(result)}, ${result.backend}: ` +
      `${count.format(tokensPerSecond)} tokens/s, ${stepMs.toFixed(2)} ms a step`,
    `  ${gflops.toFixed(1)} GFLOP/s, ${(100 * peakShare).toFixed(1)} % of the peak of ${peakGflops.toFixed(1)}; ` +
      `${(100 * idleShare).toFixed(1)} % of the step outside of tasks`,
    ...ratio,
    ...formatTable(
      Object.entries(result.phases)
        .filter(([, ms]) => ms > 0)
        .map(([name, ms]) => [
          `  ${name}`,
          `${ms.toFixed(2)} ms`,
          `${((100 * ms) / stepMs).toFixed(1)} %`,
        ]),
    ),
    '',
  ];
}

/** A table with a line for each kernel. */
function describeKernels(results: readonly KernelResult[]): string[] {
  const first = results[0]!;
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  return [
    `${first.case}, cut for ${counted(first.workers, 'worker')}, ${first.backend}, ` +
      `one core: peak ${first.peakGflops.toFixed(1)} GFLOP/s, memory ${first.bandwidth.toFixed(1)} GB/s`,
    ...formatTable([
      ['  kernel', 'size', 'ms', 'GFLOP/s', 'of peak', 'MB', 'GB/s', 'flop/B', 'roof', 'of roof'],
      ...results.map((result) => [
        `  ${result.kernel}: ${result.operand}`,
        result.size,
        result.ms.toFixed(3),
        ...(result.flops > 0 ? [result.gflops.toFixed(1), percent(result.peakShare)] : ['', '']),
        (result.bytes / 1e6).toFixed(2),
        result.gigabytesPerSecond.toFixed(1),
        ...(result.flops > 0
          ? [result.intensity.toFixed(1), result.rooflineGflops.toFixed(1)]
          : ['', '']),
        percent(result.rooflineShare),
      ]),
    ]),
    '',
  ];
}

interface PeerResult {
  case: string;
  bestTokensPerSecond: number;
  stepMs: Record<string, number>;
}

/** The same case in PyTorch (scripts/pytorch_bench.py), with the python3 that a shell would start: that of an active virtual environment, too. */
export async function runPeer(name: string): Promise<PeerResult> {
  const script = packageFile('scripts/pytorch_bench.py');
  const child = spawn('python3', [script, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error) =>
      reject(new UserError(`bench --peer python: python3 cannot be started (${error.message})`)),
    );
    child.once('close', () =>
      reject(
        new UserError(
          'bench --peer python: PyTorch gave no result: expected it in the python3 that PATH finds; activate the virtual environment that has it, ' +
            "or install it for that python3 (Debian's is /usr/bin/python3, with python3-torch)",
        ),
      ),
    );
  });
  const first = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      return JSON.parse(line) as PeerResult;
    }
    return failed;
  })();
  return Promise.race([first, failed]);
}
