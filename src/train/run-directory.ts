import * as nodeFs from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { formatConfig, parseConfig, type NamedConfig } from '../config/load.js';
import { tokenizerFromJson } from '../data/tokenizers/kinds.js';
import { serializedTokenizerSchema } from '../data/tokenizers/serialized.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import { UserError } from '../errors.js';
import { replaceFile, STATE_FILE, verifyCheckpoint, type RunState } from './checkpoint.js';

/**
 * The directory of a run: config.yaml, vocabulary.json, metrics.jsonl, checkpoints/, and the files `latest` and
 * `best` that name a checkpoint each.
 */

const CONFIG_FILE = 'config.yaml';
const VOCABULARY_FILE = 'vocabulary.json';

/**
 * Keys that may differ when a run is resumed: they do not change what the steps compute. So may `train.epochs`,
 * unless the learning rate falls towards the end of the last one.
 */
const HARMLESS = [
  'name',
  'workers',
  'backend',
  'metrics',
  'data.storeDir',
  'train.maxSteps',
  'train.evaluateEverySteps',
  'train.checkpoint',
];

const vocabularySchema = z.strictObject({
  tokenizer: serializedTokenizerSchema,
  classes: z.array(z.string()),
});

export interface Vocabulary {
  tokenizer: Tokenizer;
  classes: readonly string[];
}

export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, '0')}`;
}

export class RunDirectory {
  readonly checkpoints: string;

  constructor(readonly directory: string) {
    this.checkpoints = path.join(directory, 'checkpoints');
  }

  /** Names of the checkpoints there are, oldest first. */
  async listCheckpoints(): Promise<string[]> {
    try {
      const names = await nodeFs.readdir(this.checkpoints);
      return names.filter((name) => /^step-\d{8,}$/.test(name)).sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  /**
   * Starts a run here. A directory without a checkpoint holds nothing that could be lost: whoever mends a
   * mistake in the config may start again.
   *
   * @throws UserError when the directory holds a run already
   */
  async create(config: NamedConfig): Promise<void> {
    const held = await this.listCheckpoints();
    if (held.length > 0) {
      throw new UserError(
        `${this.directory} already holds a run (newest checkpoint ${held.at(-1)!}): ` +
          'add --resume to go on with it, or name another directory with --run-dir',
      );
    }
    await this.#enter(config);
  }

  /**
   * Reads the config of the run that lies here, as text.
   *
   * @throws UserError when there is none
   */
  async expectRun(): Promise<string> {
    try {
      return await nodeFs.readFile(path.join(this.directory, CONFIG_FILE), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new UserError(
        `${this.directory} holds no run to resume (no ${CONFIG_FILE}): leave out --resume to start one`,
        { cause: error },
      );
    }
  }

  /**
   * Finds the newest whole checkpoint to go on from, or undefined when the run has none yet.
   *
   * @param onDamaged hears why a newer checkpoint was passed over
   * @throws UserError when the directory holds no run, a run of another config, or damaged checkpoints only
   */
  async resume(
    config: NamedConfig,
    onDamaged: (message: string) => void,
  ): Promise<{ checkpoint: string; state: RunState } | undefined> {
    this.#checkConfig(await this.expectRun(), config);
    await this.#enter(config);
    const names = await this.listCheckpoints();
    for (const name of names.toReversed()) {
      const checkpoint = path.join(this.checkpoints, name);
      try {
        const state = await verifyCheckpoint(checkpoint);
        await this.#repoint(name, state, names);
        return { checkpoint, state };
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        onDamaged(error.message);
      }
    }
    if (names.length > 0) {
      throw new UserError(`${this.directory}: none of its ${names.length} checkpoints is whole`);
    }
    return undefined;
  }

  async writeVocabulary({ tokenizer, classes }: Vocabulary): Promise<void> {
    const content = JSON.stringify({ tokenizer: tokenizer.toJSON(), classes });
    await replaceFile(path.join(this.directory, VOCABULARY_FILE), `${content}\n`);
  }

  async readVocabulary(): Promise<Vocabulary> {
    const file = path.join(this.directory, VOCABULARY_FILE);
    const text = await readRunFile(file);
    try {
      const { tokenizer, classes } = vocabularySchema.parse(JSON.parse(text));
      return { tokenizer: tokenizerFromJson(tokenizer), classes };
    } catch (error) {
      throw new UserError(`${file}: damaged: expected a vocabulary as lockstep writes it`, {
        cause: error,
      });
    }
  }

  async readConfig(overrides: readonly string[] = []): Promise<NamedConfig> {
    const file = path.join(this.directory, CONFIG_FILE);
    return parseConfig(await readRunFile(file), file, overrides);
  }

  /** Points `latest` or `best` to a checkpoint. */
  async point(pointer: 'latest' | 'best', name: string): Promise<void> {
    await replaceFile(path.join(this.directory, pointer), `${name}\n`);
  }

  async readPointer(pointer: 'latest' | 'best'): Promise<string | undefined> {
    try {
      return (await nodeFs.readFile(path.join(this.directory, pointer), 'utf8')).trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Removes all but the newest `keep` checkpoints and those named. */
  async prune(keep: number, spared: readonly string[]): Promise<void> {
    const names = await this.listCheckpoints();
    for (const name of names.slice(0, -keep)) {
      if (spared.includes(name)) continue;
      await nodeFs.rm(path.join(this.checkpoints, name), { recursive: true, force: true });
    }
  }

  /** Writes the config, and removes checkpoints that a kill left half-written. */
  async #enter(config: NamedConfig): Promise<void> {
    await nodeFs.mkdir(this.checkpoints, { recursive: true });
    await replaceFile(path.join(this.directory, CONFIG_FILE), formatConfig(config));
    for (const name of await nodeFs.readdir(this.checkpoints)) {
      if (!/^\.step-\d+\.partial$/.test(name)) continue;
      await nodeFs.rm(path.join(this.checkpoints, name), { recursive: true, force: true });
    }
  }

  /** A kill may have come between a checkpoint and its pointers, and damage undoes what they said. */
  async #repoint(latest: string, { best }: RunState, names: readonly string[]): Promise<void> {
    await this.point('latest', latest);
    if (best && names.includes(checkpointName(best.step))) {
      await this.point('best', checkpointName(best.step));
    }
  }

  #checkConfig(former: string, config: NamedConfig): void {
    const file = path.join(this.directory, CONFIG_FILE);
    const before = flatten(parseConfig(former, file));
    const now = flatten(config);
    const keys = [...new Set([...before.keys(), ...now.keys()])];
    const decays = config.train.optimizer.schedule.kind !== 'constant';
    const harmless = decays ? HARMLESS : [...HARMLESS, 'train.epochs'];
    const changed = keys.filter(
      (key) =>
        !harmless.some((prefix) => key === prefix || key.startsWith(`${prefix}.`)) &&
        !isDeepStrictEqual(before.get(key), now.get(key)),
    );
    if (changed.length === 0) return;
    const list = changed
      .map(
        (key) =>
          `${key} (${JSON.stringify(before.get(key))} there, ${JSON.stringify(now.get(key))} now)`,
      )
      .join(', ');
    throw new UserError(
      `${this.directory} holds a run of another config: ${list} differ; use that config, or another --run-dir`,
    );
  }
}

/** Leaves of a config by their dotted paths. */
function flatten(
  value: unknown,
  prefix = '',
  into = new Map<string, unknown>(),
): Map<string, unknown> {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) {
      flatten(inner, prefix === '' ? key : `${prefix}.${key}`, into);
    }
  } else if (value !== undefined) into.set(prefix, value);
  return into;
}

async function readRunFile(file: string): Promise<string> {
  try {
    return await nodeFs.readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new UserError(`${file}: expected a file of a run, but it cannot be read (${code})`, {
      cause: error,
    });
  }
}

/**
 * Finds a checkpoint: `run` is the directory of a run, or of one of its checkpoints.
 *
 * @param which `best`, `latest` or the name of a checkpoint; by default the best, or else the latest
 * @throws UserError when there is none
 */
export async function findCheckpoint(
  run: string,
  which?: string,
): Promise<{ run: RunDirectory; checkpoint: string }> {
  if (await exists(path.join(run, STATE_FILE))) {
    return {
      run: new RunDirectory(path.dirname(path.dirname(path.resolve(run)))),
      checkpoint: run,
    };
  }
  const directory = new RunDirectory(run);
  const names = await directory.listCheckpoints();
  if (names.length === 0) {
    throw new UserError(
      `${run}: expected the directory of a run or of a checkpoint, found no checkpoint`,
    );
  }
  const pointer = which === undefined ? 'best' : which;
  const name =
    pointer === 'best' || pointer === 'latest'
      ? ((await directory.readPointer(pointer)) ?? names.at(-1)!)
      : pointer;
  if (!names.includes(name)) {
    throw new UserError(
      `${run}: there is no checkpoint ${name}: expected one of ${names.join(', ')}`,
    );
  }
  return { run: directory, checkpoint: path.join(directory.checkpoints, name) };
}

async function exists(file: string): Promise<boolean> {
  try {
    await nodeFs.access(file);
    return true;
  } catch {
    // Whatever the reason, it cannot be used as a checkpoint: the caller looks elsewhere.
    return false;
  }
}
