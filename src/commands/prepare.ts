import { loadConfig } from '../config/load.js';
import { showProgress } from '../observe/progress.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { configOptions } from './options.js';
import { describeStore } from './prepare-summary.js';
import { printLines } from './table.js';

export const prepareCommand = (context: Context) =>
  defineCommand({
    command: 'prepare',
    describe: 'Turns the raw text of a config into its token store, as train does on first use',
    positionals: {},
    options: configOptions,
    async run({ config: file, set }) {
      const config = await loadConfig(file, set);
      const { prepareCorpus } = await context.loadLibrary();
      const progress = showProgress(context.stderr);
      try {
        const corpus = await prepareCorpus(config, progress.observe);
        const lines = describeStore(corpus.manifest, corpus.storeDir);
        await corpus.close();
        printLines(context.stdout, lines);
      } finally {
        progress.close();
      }
    },
  });
