import { createHash } from 'node:crypto';
import * as nodeFs from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { averagingSchema, optimizerSchema } from '../config/optimizer-schema.js';
import { UserError } from '../errors.js';
import { adviceSchema } from '../optimizers/evaluations.js';
import { keptOf } from '../optimizers/kept.js';
import { explainDisk, readText, type RunFileSystem } from '../system/disk.js';
import { MEASURE_NAMES, type MeasureName } from '../measures.js';
import { checkpointName, isCheckpointName, parseHiddenName } from './checkpoint-names.js';
import { readSafetensorsHeader, type TensorEntry } from './safetensors.js';

/** `state.json` of a checkpoint: where the run stands, and what tells whether the checkpoint is whole. */

export const MODEL_FILE = 'model.safetensors';
export const OPTIMIZER_FILE = 'optimizer.safetensors';
export const STATE_FILE = 'state.json';

const MAX_STATE_BYTES = 2 ** 20;
const CHUNK_BYTES = 4 * 2 ** 20;

const count = z.int().min(0);

/** The best result: all that was measured, and by what it is the best; absent where that is the loss. */
const bestSchema = z.strictObject({
  ...(Object.fromEntries(MEASURE_NAMES.map((name) => [name, z.number().optional()])) as {
    [name in MeasureName]: z.ZodOptional<z.ZodNumber>;
  }),
  step: count,
  loss: z.number(),
  by: z.enum(MEASURE_NAMES).optional(),
  /** What was translated for it, and how: of others BLEU, chrF and exact match are other numbers. */
  translated: z.strictObject({ pairs: count, beam: count }).optional(),
});

/** The step last evaluated after, evaluations since the best result, and that result. */
const evaluationsSchema = z.strictObject({
  step: count,
  withoutImprovement: count,
  best: bestSchema.optional(),
  /** What they have to say on the learning rate and averages. */
  advice: adviceSchema.optional(),
});

const stateSchema = z.strictObject({
  version: z.literal(1),
  /** Finished updates; the next batch is number `step` of the run, counted from 0. */
  step: count,
  /** Where in the data that is: whole passes done, and batches of the present one. */
  position: z.strictObject({ epoch: count, batch: count, stepsPerEpoch: count }),
  seed: count,
  /** How multiply-adds are rounded: other profiles give other bits from here on. */
  profile: z.string(),
  /** SHA-256 of the corpus's sources and options. */
  corpus: z.string(),
  /** SHA-256 of the run's vocabulary.json: what token ids and classes mean. */
  vocabulary: z.string(),
  /** See `signConfig`; absent in checkpoints of early versions. */
  config: z.record(z.string(), z.unknown()).optional(),
  /** How much a row of each class counts in the loss, or a label where a row has it; absent where all count the same. */
  classWeights: z.array(z.number().positive()).optional(),
  /** Whether tags follow each other otherwise than the scheme of their names has it; absent where they do not. */
  tagsAreFree: z.literal(true).optional(),
  /** What ends the lines that a language model has learned from; absent where it is a line feed alone. */
  lineEnd: z.literal('\r\n').optional(),
  validation: evaluationsSchema.extend({
    /** What counts where the run goes on after all: all this but an evaluation that took place because the run ended. */
    beforeEnd: evaluationsSchema.optional(),
  }),
  files: z.record(z.string(), z.strictObject({ bytes: count, sha256: z.string() })),
  /** SHA-256 of this very file with these 64 digits left out. */
  sha256: z.string(),
});

export type RunState = z.output<typeof stateSchema>;
export type ValidationState = RunState['validation'];
export type BestResult = NonNullable<ValidationState['best']>;

/** The state of a run besides its tensors. */
export type Progress = Omit<RunState, 'version' | 'files' | 'sha256'>;

/**
 * The text of `state.json`. It holds nothing that differs between equal runs: no time, host or path, nor the order in which members have come
 * to be, which a resume reads in the order of the schema.
 */
export function formatState(progress: Progress, files: RunState['files']): string {
  const state = stateSchema.parse({ version: 1, ...progress, files, sha256: '' });
  const text = `${JSON.stringify(state, null, 2)}\n`;
  return text.replace(/""\n\}\n$/, `"${digestText(text)}"\n}\n`);
}

/**
 * Reads and checks `state.json` of a checkpoint directory.
 *
 * @throws UserError naming the file when it is missing or damaged, or the directory when it has the name of another step
 */
export async function readState(checkpoint: string, fs: RunFileSystem = nodeFs): Promise<RunState> {
  const file = path.join(checkpoint, STATE_FILE);
  const text = await explainDisk(
    `${file}: expected the state of a checkpoint, but it cannot be read`,
    () => readText(fs, file, MAX_STATE_BYTES),
  );
  let state: RunState;
  try {
    state = stateSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new UserError(
      `${file}: damaged: expected the state of a checkpoint as lockstep writes it`,
      { cause: error },
    );
  }
  const unsigned = text.replace(/"[0-9a-f]{64}"\n\}\n$/, '""\n}\n');
  if (digestText(unsigned) !== state.sha256) {
    throw new UserError(`${file}: damaged: its content does not fit its own SHA-256`);
  }
  expectOwnName(checkpoint, state.step);
  return state;
}

/** A run tells its checkpoints by their names: under that of another step one would be taken for what it is not. */
function expectOwnName(checkpoint: string, step: number): void {
  const directory = path.basename(path.resolve(checkpoint));
  const name = parseHiddenName(directory)?.name ?? directory;
  if (!isCheckpointName(name) || name === checkpointName(step)) return;
  throw new UserError(
    `${checkpoint}: damaged or renamed: expected the checkpoint ${name}, but by its ${STATE_FILE} it is ${checkpointName(step)}`,
  );
}

/** SHA-256 of a text, as 64 hexadecimal digits. */
export function digestText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Reads `state.json` and checks every file that it lists: size, SHA-256, the layout of the tensors, and that
 * weights and what the optimizer keeps of them belong together.
 *
 * @throws UserError naming the first file that is missing, truncated or altered
 */
export async function verifyCheckpoint(
  checkpoint: string,
  fs: RunFileSystem = nodeFs,
): Promise<RunState> {
  const state = await readState(checkpoint, fs);
  const headers: TensorEntry[][] = [];
  for (const name of [MODEL_FILE, OPTIMIZER_FILE]) {
    const expected = state.files[name];
    if (!expected) {
      throw new UserError(
        `${path.join(checkpoint, STATE_FILE)}: damaged: it does not list ${name}`,
      );
    }
    const file = path.join(checkpoint, name);
    await explainDisk(`${file}: expected a file of a checkpoint, but it cannot be read`, () =>
      verifyFile(file, expected, fs),
    );
    headers.push(await readSafetensorsHeader(file, { fs }));
  }
  const [model, optimizer] = headers;
  checkKept(checkpoint, state, model!, optimizer!);
  return state;
}

/** Of what a checkpoint has signed: early versions, which signed nothing, had one optimizer. */
const signedOptimizer = z.object({
  train: z
    .object({ optimizer: optimizerSchema.prefault({}), averaging: averagingSchema })
    .prefault({}),
});

/** Each file is sound in itself; do they belong together? */
function checkKept(
  checkpoint: string,
  { config = {} }: RunState,
  model: TensorEntry[],
  optimizer: TensorEntry[],
): void {
  const signed = signedOptimizer.safeParse(config);
  if (!signed.success) {
    throw new UserError(
      `${path.join(checkpoint, STATE_FILE)}: its optimizer is not one that this version of lockstep knows`,
      { cause: signed.error },
    );
  }
  const kept = keptOf(signed.data.train);
  const shapes = new Map(optimizer.map(({ name, shape }) => [name, shape.join()]));
  for (const { name, shape } of model) {
    if (kept.some((what) => shapes.get(`${name}.${what}`) !== shape.join())) {
      throw new UserError(
        `${path.join(checkpoint, OPTIMIZER_FILE)}: damaged: expected ${kept.join(' and ')} of each tensor of ` +
          `${MODEL_FILE}, not found for ${JSON.stringify(name.slice(0, 80))}`,
      );
    }
  }
}

async function verifyFile(
  file: string,
  expected: { bytes: number; sha256: string },
  fs: RunFileSystem,
): Promise<void> {
  const handle = await fs.open(file, 'r');
  try {
    // The size first: a file of another one need not be read.
    const { size } = await handle.stat();
    if (size !== expected.bytes) {
      throw new UserError(
        `${file}: truncated or damaged: expected ${expected.bytes} bytes, found ${size}`,
      );
    }
    const hash = createHash('sha256');
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size));
    for (let done = 0; done < size;) {
      const length = Math.min(chunk.length, size - done);
      const { bytesRead } = await handle.read(chunk, 0, length, done);
      if (bytesRead === 0) throw new UserError(`${file}: it was cut off while it was read`);
      hash.update(chunk.subarray(0, bytesRead));
      done += bytesRead;
    }
    if (hash.digest('hex') !== expected.sha256) {
      throw new UserError(`${file}: damaged: its SHA-256 is not the one in ${STATE_FILE}`);
    }
  } finally {
    await handle.close();
  }
}
