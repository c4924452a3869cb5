import type { KernelResult } from '../../bench/bench-kernels.js';
import type { PeerOutcome } from '../../bench/bench-peer.js';
import type { BenchResult } from '../../bench/bench.js';
import type { PeerWay } from '../../bench/peer.js';
import type { Roof } from '../../bench/roofs.js';
import type { Quartiles } from '../../bench/turns.js';
import { counted } from '../../system/counted.js';
import { formatTable } from '../table.js';

/** What `bench` prints for people. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

function describeWorkers({ workers, teams }: BenchResult): string {
  return `${counted(workers, 'worker')}${teams < workers ? ` in ${counted(teams, 'team')}` : ''}`;
}

/** One case with one number of workers. */
export function describeBench(result: BenchResult): string[] {
  const { stepMs, tokensPerSecond, gflops, peakGflops, peakShare, idleShare } = result;
  const isFloat32 = result.precision === 'float32';
  return [
    `${result.case}, ${describeWorkers(result)}, ${result.backend}${isFloat32 ? '' : `, ${result.precision}`}: ` +
      `${whole.format(tokensPerSecond)} tokens/s, ${stepMs.toFixed(2)} ms a step`,
    `  ${gflops.toFixed(1)} GFLOP/s, ${(100 * peakShare).toFixed(1)} % of the peak of ${peakGflops.toFixed(1)}${isFloat32 ? '' : ' that float32 has'}; ` +
      `${(100 * idleShare).toFixed(1)} % of the step outside of tasks`,
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

const WAYS: Record<PeerWay, string> = {
  oneThread: 'one thread',
  allThreads: 'a thread on every core',
  processes: 'a process on every core',
};

/** How a case has come out beside PyTorch. */
export function describeMatch({ results, peer }: PeerOutcome): string[] {
  const rates = ({ median, lower, upper }: Quartiles): string[] =>
    [median, lower, upper].map((rate) => whole.format(rate));
  const ratios = ({ median, lower, upper }: Quartiles): string[] =>
    [median, lower, upper].map((ratio) => ratio.toFixed(2));
  return [
    `${results[0]!.case}, beside PyTorch ${peer.version} (${peer.precision}), best with ${WAYS[peer.way]}: ${counted(peer.rounds, 'round')} of turns` +
      (peer.isSteady ? '' : '; the ratio is not steady yet'),
    ...formatTable([
      ['  median, and quartiles', 'tokens/s', '', '', 'ratio', '', ''],
      ...results.map(({ workers, turns, ratio }) => [
        `  ${counted(workers, 'worker')}`,
        ...[...rates(turns), ...ratios(ratio)],
      ]),
      ...Object.entries(peer.ways).map(([way, rate]) => [
        `  PyTorch, ${WAYS[way as PeerWay]}`,
        ...[...rates(rate), '', '', ''],
      ]),
    ]),
    '',
  ];
}

/** A table with a line for each kernel. */
export function describeKernels(results: readonly KernelResult[]): string[] {
  const first = results[0]!;
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  return [
    `${first.case}, cut for ${counted(first.workers, 'worker')}, ${first.backend}, ` +
      `one core: peak ${first.peakGflops.toFixed(1)} GFLOP/s, memory ${first.bandwidth.toFixed(1)} GB/s`,
    ...formatTable([
      ['  kernel', 'size', 'ms', 'GFLOP/s', 'of peak', 'MB', 'GB/s', 'flop/B', 'roof', 'of roof'],
      ...results.map((result) => [
        `  ${result.kernel}: ${result.operand}`,
        `${result.size}${result.precision ? ` in ${result.precision}` : ''}`,
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

/** What a step of a case takes beside what a worker's kernels would take alone, and what peak and bandwidth allow: a line for each kernel. */
export function describeRoofs(result: BenchResult, roofs: readonly Roof[]): string[] {
  const { stepMs, workers, idleShare } = result;
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const { aloneMs, roofMs } = roofs.at(-1)!;
  return [
    `${result.case}, a step with ${counted(workers, 'worker')}: ${stepMs.toFixed(2)} ms, ${percent(idleShare)} of it outside of tasks; ` +
      `the roofs of a worker's kernels are ${percent(roofMs / stepMs)} of it, these kernels alone ${percent(aloneMs / stepMs)}`,
    ...formatTable([
      ['  kernel', 'calls', 'ms alone', 'ms at the roof', 'roof of alone', 'alone of step'],
      ...roofs.map(({ kernel, calls, ...roof }) => [
        ...[`  ${kernel}`, calls.toFixed(0), roof.aloneMs.toFixed(3), roof.roofMs.toFixed(3)],
        ...[percent(roof.roofMs / roof.aloneMs), percent(roof.aloneMs / stepMs)],
      ]),
    ]),
    '',
  ];
}
