import type { NamedConfig } from '../../config/load.js';
import { THREAD_BYTES } from '../../compute/sizes.js';
import { formatBytes, formatCount, formatDuration, formatNumber } from '../../observe/figures.js';
import { describeStart } from '../../observe/sentences.js';
import { counted } from '../../system/counted.js';
import type { DryRun } from '../library.js';
import { describeSummary } from './network-summary.js';

/** What a training would be, for `train --dry-run`. */
export function describeDryRun(look: DryRun, config: NamedConfig): string[] {
  const { start, layers, storeDir, timedSteps, stepSeconds, stepTokens, stepFlops } = look;
  const { evaluations, evaluationSeconds, totalSeconds } = look;
  const memory = Object.entries(start.memory)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, bytes]) => `${kind} ${formatBytes(bytes)}`);
  const threads = formatBytes(start.workers * THREAD_BYTES);
  const isEarly = config.train.earlyStopping !== null;
  return [
    ...describeStart(start),
    storeDir === undefined
      ? 'The data was prepared for this look alone, in a temporary directory that is gone; train prepares it anew.'
      : `The prepared data in ${storeDir} fits, and train takes it.`,
    '',
    ...describeSummary(layers),
    '',
    `Memory: ${formatBytes(start.heapBytes)} (${memory.join(', ')}) and about ${threads} for the threads`,
    `A step: ${formatCount(stepTokens)} tokens, ${formatNumber(stepFlops / 1e9)} GFLOP in ${formatBrief(stepSeconds)} (${formatCount(stepTokens / stepSeconds)} tokens/s, ${formatNumber(stepFlops / 1e9 / stepSeconds)} GFLOP/s): the mean of ${counted(timedSteps, 'step')} on the first batches, with the machine as busy as it is now`,
    `The run: about ${formatDuration(totalSeconds)} for ${counted(start.totalSteps, 'step')}${evaluations > 0 ? ` and ${counted(evaluations, 'evaluation')}, of about ${formatBrief(evaluationSeconds)} each (a third of the time that training takes for as many tokens)` : ''}${isEarly ? '; early stopping may end it before' : ''}`,
    'Nothing was trained or written.',
  ];
}

/** "4.2 ms", "1.3 s". */
function formatBrief(seconds: number): string {
  return seconds < 1 ? `${(1000 * seconds).toFixed(1)} ms` : formatDuration(seconds);
}
