import { loadConfig } from '../config/load.js';
import { showFailures, showProgress } from '../observe/progress.js';
import { nextCommand } from '../observe/next-command.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { configOptions, quietOption } from './options/options.js';
import { describeStore } from './summaries/prepare-summary.js';
import { printLines } from './table.js';

export const prepareCommand = (context: Context) =>
  defineCommand({
    command: 'prepare',
    describe: 'Turns the raw text of a config into its token store, as train does on first use',
    positionals: {},
    options: { ...configOptions, ...quietOption },
    async run({ config: file, set, quiet }) {
      const config = await loadConfig(file, set);
      const { prepareCorpus } = await context.loadLibrary();
      const progress = quiet ? showFailures(context.stderr) : showProgress(context.stderr);
      try {
        const corpus = await prepareCorpus(config, progress.observe);
        const lines = describeStore(corpus.manifest, corpus.storeDir);
        await corpus.close();
        const words = ['train', '--config', file, ...set.flatMap((each) => ['--set', each])];
        printLines(context.stdout, [...lines, `Next: ${nextCommand(context.program, words)}`]);
      } finally {
        progress.close();
      }
    },
  });
