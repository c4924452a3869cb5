import { counted } from '../system/counted.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { wholeNumber } from './options/options.js';
import { printLines } from './table.js';

export const averageCommand = (context: Context) =>
  defineCommand({
    command: 'average <checkpoints..>',
    describe:
      'Makes a run of the mean of the weights of several checkpoints of one training, or of networks that are alike',
    positionals: {
      checkpoints: {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'Directories of checkpoints, or of runs, whose best one is meant',
      },
    },
    options: {
      out: {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'Directory of the run that is made',
      },
      last: {
        type: 'string',
        coerce: wholeNumber('last', 1),
        requiresArg: true,
        describe: 'Takes so many of the latest checkpoints of each run',
      },
    },
    async run({ checkpoints, out, last }) {
      const { averageCheckpoints } = await context.loadLibrary();
      const notify = (message: string): void => printLines(context.stderr, [message]);
      const made = await averageCheckpoints(checkpoints, out, {
        ...(last !== undefined && { last }),
        notify,
      });
      printLines(context.stdout, [
        `${made.checkpoint} is the mean of ${counted(made.of.length, 'checkpoint')}: ${made.of.join(', ')}`,
      ]);
    },
  });
