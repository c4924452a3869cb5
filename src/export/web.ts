import { statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Precision } from '../backend/backend.js';
import { requireOwnKernels } from '../backend/kernel-sources.js';
import { UserError } from '../errors.js';
import type { TrainListener } from '../events.js';
import { packageFile } from '../package-root.js';
import { expectVacant, writeDirectory } from '../system/fresh-directory.js';
import { readModel, type ReadModel } from '../use/read-model.js';
import { dequantize, formatModelFile, quantize, type WebTensor } from '../web/model-file.js';
import { describeModel } from './describe-model.js';
import { measureBoth } from './measure.js';
import type { WeightsCompared, WebExport, WebExportOptions } from './web-export.js';

/** A trained model as files that any static server can serve: a module, kernels, weights, and a page that uses them. */

/** What comes with every model, by the names that it has there; the module and the page come from the build. */
const MODULE = 'lockstep.js';
const MODEL = 'model.safetensors';
const COMMON: readonly (readonly [name: string, file: string])[] = [
  [MODULE, `dist/web/${MODULE}`],
  ['lockstep.d.ts', 'dist/web/lockstep.d.ts'],
  ['lockstep.wasm', 'kernels/wasm/lockstep-web.wasm'],
  ['index.html', 'dist/web/index.html'],
  ['LICENSES.txt', 'dist/web/LICENSES.txt'],
];
const NAMES = [...COMMON.map(([name]) => name), MODEL];

/**
 * Writes a run's model to a directory for browsers and the edge.
 *
 * @param run directory of a run, or of one of its checkpoints
 * @param out directory that is made, whole or not at all
 * @throws UserError where there is no whole checkpoint, the model needs what browsers have not, or something is in the way
 */
export async function exportForWeb(
  run: string,
  out: string,
  { checkpoint, weights = 'float32', data, overwrite = false, listener }: WebExportOptions = {},
): Promise<WebExport> {
  const isOwn = overwrite ? isExport : undefined;
  if (data !== undefined && weights === 'float32') {
    throw new UserError(
      'data: expected beside weights int8, whose loss is measured on it: float32 loses nothing',
    );
  }
  await expectVacant(out, isOwn).catch((error: unknown) => advise(error, out, overwrite));
  requireOwnKernels();
  const notify = (message: string): void => listener?.({ type: 'notice', message });
  const trained = await readModel(run, { ...(checkpoint !== undefined && { checkpoint }), notify });
  const read = computedIn(trained, 'float32');
  if (read !== trained) {
    notify(
      `${trained.found.checkpoint} was trained with products in bfloat16; what is exported multiplies float32, so that its figures differ a little from those here.`,
    );
  }
  const { description, tensors } = describeModel(read);
  const written = weights === 'int8' ? tensors.flatMap(quantize) : tensors;
  const measured =
    weights === 'int8' ? await measureLoss(trained, read, written, data, listener) : undefined;
  const model = formatModelFile(description, written);
  const common = await Promise.all(
    COMMON.map(async ([name, file]) => ({ name, bytes: await readFile(packageFile(file)) })),
  );
  const files = [...common, { name: MODEL, bytes: model }];
  await writeDirectory(
    out,
    async (partial) => {
      for (const { name, bytes } of files) await writeFile(path.join(partial, name), bytes);
    },
    isOwn,
  );
  return {
    checkpoint: read.found.checkpoint,
    files: files.map(({ name, bytes }) => ({ name, bytes: bytes.length })),
    ...(measured && { measured }),
  };
}

/** The same model with products of another precision: browsers have no instructions for bfloat16. */
function computedIn(read: ReadModel, precision: Precision): ReadModel {
  const { config } = read;
  if (config.train.precision === precision) return read;
  return { ...read, config: { ...config, train: { ...config.train, precision } } };
}

/** What evaluations say of the weights as they were, and as they will be computed with. */
async function measureLoss(
  trained: ReadModel,
  read: ReadModel,
  written: readonly WebTensor[],
  data: readonly string[] | undefined,
  listener: TrainListener | undefined,
): Promise<WeightsCompared> {
  const scales = new Map(written.map(({ name, data: values }) => [name, values]));
  const weights = new Map(
    written.flatMap(({ name, data: values }): [string, Float32Array][] => {
      if (!read.weights.has(name)) return [];
      if (values instanceof Float32Array) return [[name, values]];
      return [[name, dequantize(values, scales.get(`${name}.scale`) as Float32Array)]];
    }),
  );
  return measureBoth(trained, { ...read, weights }, data, listener);
}

/** Whether a directory holds what an export has written, and nothing else. */
function isExport(names: readonly string[]): boolean {
  return (
    [MODULE, MODEL].every((name) => names.includes(name)) &&
    names.every((name) => NAMES.includes(name))
  );
}

/** Says by which option an export may be replaced, and that nothing else may. */
function advise(error: unknown, out: string, overwrite: boolean): never {
  if (!(error instanceof UserError) || !error.message.startsWith(`${out} is there:`)) throw error;
  if (!statSync(out).isDirectory()) {
    throw new UserError(`${out} is there, and no directory: expected a new one, or an export`, {
      cause: error,
    });
  }
  throw new UserError(
    overwrite
      ? `${out} is there, and holds other files than an export does: expected an export, a new directory, or one that is empty`
      : `${out} is there: expected a new directory or one that is empty, or --overwrite for an export that is replaced`,
    { cause: error },
  );
}
