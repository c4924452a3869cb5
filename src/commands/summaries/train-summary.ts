import { dirname, join } from 'node:path';
import { checkpointName } from '../../checkpoint/checkpoint-names.js';
import type { NamedConfig } from '../../config/load.js';
import type { EndEvent } from '../../events.js';
import { formatCount, formatDuration } from '../../observe/figures.js';
import { nextCommand, nextCommandOf } from '../../observe/next-command.js';
import { describeBest } from '../../observe/sentences.js';
import { taskOf } from '../../tasks/registry.js';

/**
 * What came out of a training, where it lies, and what to type next.
 *
 * @param run how it ended, and its numeric profile where it has got so far as to have one
 * @param file the config to go on with
 * @param program what starts the program where the user stands
 */
export function summarizeTraining(
  { end, profile = '' }: { end: EndEvent; profile?: string | undefined },
  config: NamedConfig,
  runDir: string,
  file: string,
  program: string,
): string[] {
  const did = end.reason === 'finished' ? 'Finished' : 'Stopped';
  const lines = [`${did} after step ${formatCount(end.step)} in ${formatDuration(end.duration)}.`];
  if (end.best !== undefined) {
    const { step } = end.best;
    const place = join(dirname(end.checkpoint), checkpointName(step));
    lines.push(`Best ${describeBest(end.best)} after step ${formatCount(step)}: ${place}`);
  }
  lines.push(`Checkpoint: ${end.checkpoint}`);
  if (profile.startsWith('bfloat16')) {
    lines.push(
      `Its products are of bfloat16 (profile ${profile}), wherever the model is used but for exports to the web.`,
    );
  }
  if (end.reason === 'stopped') {
    const isUsual = runDir === join('runs', config.name);
    const option = isUsual ? [] : ['--run-dir', runDir];
    const words = ['train', '--config', file, ...option, '--resume'];
    return [...lines, `To go on: ${nextCommand(program, words)}`];
  }
  return [
    ...lines,
    `Next: ${useCommand(config, runDir, program)}`,
    `  or: ${nextCommand(program, ['evaluate', runDir])}`,
  ];
}

/** What shows what a model can do. */
function useCommand(config: NamedConfig, runDir: string, program: string): string {
  const { command, gives } = taskOf(config.task);
  if (command === 'generate') return nextCommand(program, [command, runDir]);
  // A line of text is no sentence to a tagger, which reads a token a line, with what it has beside.
  const needsFile = gives === 'tokens';
  const file = [config.data.test, config.data.validation, config.data.train]
    .flatMap((files) => (Array.isArray(files) ? (files as readonly unknown[]) : []))
    .find((each) => typeof each === 'string');
  if (needsFile && file !== undefined) return nextCommand(program, [command, runDir, file]);
  return nextCommandOf('a text of your own', program, [command, runDir]);
}
