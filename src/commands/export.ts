import { MEASURE_NAMES, type MeasureValues } from '../measures.js';
import { formatBytes } from '../observe/figures.js';
import { showProgress } from '../observe/progress.js';
import { describeMeasure } from '../observe/sentences.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import type { WebExport } from './library.js';
import { modelOptions, runPositional } from './options/options.js';
import { formatTable, printLines } from './table.js';

export const exportCommand = (context: Context) =>
  defineCommand({
    command: 'export <run>',
    describe:
      'Writes a trained model for browsers and the edge: one ES module, the WebAssembly kernels, the weights, and a page that uses them',
    positionals: runPositional,
    options: {
      to: {
        choices: ['web'] as const,
        demandOption: true,
        requiresArg: true,
        describe: 'What it is written for',
      },
      out: {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'Directory that is made',
      },
      overwrite: {
        type: 'boolean',
        default: false,
        describe: 'Replaces an export that is there',
      },
      weights: {
        choices: ['float32', 'int8'] as const,
        default: 'float32' as const,
        requiresArg: true,
        describe:
          'How weights are written: int8 takes a quarter of the space, and what is lost is measured',
      },
      data: {
        type: 'string',
        array: true,
        requiresArg: true,
        describe:
          'Files or globs that the loss by int8 is measured on, laid out like the training data; the validation split by default',
      },
      checkpoint: modelOptions.checkpoint,
    },
    async run({ run, out, overwrite, weights, data, checkpoint }) {
      const { exportForWeb } = await context.loadLibrary();
      const progress = showProgress(context.stderr);
      try {
        const made = await exportForWeb(run, out, {
          ...{ weights, overwrite, listener: progress.observe },
          ...(data !== undefined && { data }),
          ...(checkpoint !== undefined && { checkpoint }),
        });
        printLines(context.stdout, describe(made, out, weights));
      } finally {
        progress.close();
      }
    },
  });

function describe(
  { checkpoint, files, measured }: WebExport,
  out: string,
  weights: string,
): string[] {
  return [
    `${out} has ${checkpoint}, its weights as ${weights}:`,
    ...formatTable(files.map(({ name, bytes }) => [`  ${name}`, formatBytes(bytes)])),
    ...(measured ? describeLoss(measured) : []),
    `Any static file server shows it (python3 -m http.server --directory ${out}); lockstep.d.ts has what programs call.`,
  ];
}

function describeLoss({ on, before, after }: NonNullable<WebExport['measured']>): string[] {
  const [one, other]: MeasureValues[] = [before, after];
  const rows = MEASURE_NAMES.flatMap((name) => {
    const [a, b] = [one?.[name], other?.[name]];
    return a === undefined || b === undefined
      ? []
      : [[`  ${describeMeasure(name, a)}`, describeMeasure(name, b)]];
  });
  return ['', `On ${on}, as trained and as int8:`, ...formatTable(rows), ''];
}
