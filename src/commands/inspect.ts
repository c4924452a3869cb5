import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { formatBytes, formatCount } from '../observe/figures.js';
import { readSafetensorsHeader } from '../train/safetensors.js';
import { type Context } from './context.js';
import { defineCommand } from './define.js';
import { modelOptions, runPositional } from './options.js';
import { formatTable } from './table.js';

export const inspectCommand = (context: Context) =>
  defineCommand({
    command: 'inspect <run>',
    describe: 'Shows what a checkpoint holds: its state and the parameters of its model',
    positionals: runPositional,
    options: {
      checkpoint: { ...modelOptions.checkpoint, default: 'latest' },
      json: { type: 'boolean', default: false, describe: 'Prints one JSON object' },
    },
    async run({ run, checkpoint, json }) {
      const directory = await findCheckpoint(run, checkpoint);
      const state = JSON.parse(await readText(join(directory, 'state.json'))) as object;
      const tensors = await readSafetensorsHeader(join(directory, 'model.safetensors'));
      const parameters = tensors.map(({ name, shape, dtype, begin, end }) => {
        return { name, dtype, shape, bytes: end - begin };
      });
      if (json) {
        context.stdout.write(`${JSON.stringify({ checkpoint: directory, state, parameters })}\n`);
        return;
      }
      const count = parameters.reduce(
        (sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1),
        0,
      );
      const bytes = parameters.reduce((sum, parameter) => sum + parameter.bytes, 0);
      const rows = parameters.map((parameter) => [
        parameter.name,
        parameter.shape.join(' × '),
        parameter.dtype,
        formatBytes(parameter.bytes),
      ]);
      const lines = [
        directory,
        ...Object.entries(state).map(([key, value]) => `${key}: ${JSON.stringify(value)}`),
        '',
        ...formatTable([['parameter', 'shape', 'type', 'size'], ...rows]),
        '',
        `${formatCount(count)} parameters, ${formatBytes(bytes)}`,
      ];
      context.stdout.write(`${lines.join('\n')}\n`);
    },
  });

/** The directory of a run's checkpoint; a checkpoint's own directory is taken as it is. */
async function findCheckpoint(run: string, checkpoint: string): Promise<string> {
  if (await isReadable(join(run, 'state.json'))) return run;
  const name =
    checkpoint === 'latest' || checkpoint === 'best'
      ? (await readText(join(run, checkpoint))).trim()
      : checkpoint;
  return join(run, 'checkpoints', name);
}

async function isReadable(path: string): Promise<boolean> {
  return readFile(path).then(
    () => true,
    () => false,
  );
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(
      `${path}: expected a file of a run or of a checkpoint, but it cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
      { cause: error },
    );
  }
}
