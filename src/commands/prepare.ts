import { loadConfig } from '../config/load.js';
import { formatCount } from '../observe/figures.js';
import { showProgress } from '../observe/progress.js';
import { type Context } from './context.js';
import { defineCommand } from './define.js';
import { configOptions } from './options.js';

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
        const { tokenizer, classes, storeDir } = corpus;
        const lines = [`Token store: ${storeDir}`];
        for (const split of ['train', 'validation', 'test'] as const) {
          const store = corpus[split];
          if (store === undefined) continue;
          lines.push(
            `${split}: ${formatCount(store.rows)} rows, ${formatCount(store.tokens)} tokens, the longest row has ${formatCount(store.longestRow)}`,
          );
        }
        lines.push(`vocabulary: ${formatCount(tokenizer.vocabularySize)} ids (${tokenizer.kind})`);
        if (classes.length > 0) lines.push(`classes: ${classes.join(', ')}`);
        await corpus.close();
        context.stdout.write(`${lines.join('\n')}\n`);
      } finally {
        progress.close();
      }
    },
  });
