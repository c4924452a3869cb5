import * as nodeFs from 'node:fs/promises';
import path from 'node:path';
import { formatConfig, parseConfig, type NamedConfig } from '../config/load.js';
import { UserError } from '../errors.js';
import { errorCode } from '../system/error-code.js';
import { makeDirectory, unmakeDirectories } from '../system/make-directory.js';
import {
  chooseRemoved,
  hiddenName,
  isCheckpointName,
  parseHiddenName,
  stepOf,
  type Retention,
} from '../checkpoint/checkpoint-names.js';
import {
  explainDisk,
  readText,
  replaceText,
  replaceTexts,
  type RunFileSystem,
} from '../system/disk.js';
import { digestConfig, formatHistory, parseHistory, type RunStart } from './history.js';
import type { RunState } from '../checkpoint/run-state.js';
import { parseVocabulary, type Vocabulary } from '../checkpoint/vocabulary-file.js';

/**
 * The directory of a run: config.yaml, vocabulary.json, history.json, metrics.jsonl, checkpoints/, and the files
 * `latest` and `best` that name a checkpoint each. What may be started there is told by `admission.ts`.
 */

export const CONFIG_FILE = 'config.yaml';
const VOCABULARY_FILE = 'vocabulary.json';
export const HISTORY_FILE = 'history.json';
/** Files by these names are a run's where there are checkpoints, or a place for them. */
export const OWN_FILES = [
  CONFIG_FILE,
  VOCABULARY_FILE,
  HISTORY_FILE,
  ...['metrics.jsonl', 'best', 'latest'],
];

/** Beyond these sizes a file is not what its name says. */
const MAX_SMALL_BYTES = 2 ** 24;
const MAX_VOCABULARY_BYTES = 2 ** 30;

/** A checkpoint, and where it lies: one that a kill left put aside has another name until the run goes on. */
export interface StoredCheckpoint {
  name: string;
  path: string;
}

/** What a start of a run writes, all of it together. */
export interface StartFiles {
  config: NamedConfig;
  /** What `formatVocabulary` gives. */
  vocabulary: string;
  /** Every start of the run, this one last. */
  history: readonly RunStart[];
  /** Checkpoints that the pointers are to name. */
  latest?: string;
  best?: string;
}

/** Reads what a start writes anew; where that is missing or damaged, says how it is had again. */
export async function adviseResume<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // What the system refuses to read, it may as well refuse to write.
    const code = errorCode(error.cause);
    if (code !== '' && code !== 'ENOENT') throw error;
    const advice =
      'train --resume writes it anew, from the config and the data that the run was trained with, and goes on with the run';
    const { sentences } = error;
    const told =
      sentences.length === 1 ? `${sentences[0]!}; ${advice}` : [...sentences, `${file}: ${advice}`];
    throw new UserError(told, { cause: error });
  }
}

export class RunDirectory {
  readonly checkpoints: string;

  constructor(
    readonly directory: string,
    readonly fs: RunFileSystem = nodeFs,
  ) {
    this.checkpoints = path.join(directory, 'checkpoints');
  }

  /** Names of the checkpoints there are, oldest first. */
  async listCheckpoints(): Promise<string[]> {
    const names = await this.list(this.checkpoints);
    return names.filter(isCheckpointName).sort((a, b) => stepOf(a) - stepOf(b));
  }

  /** The same, with those that a kill left put aside while they were replaced. */
  async listStored(): Promise<StoredCheckpoint[]> {
    const all = await this.list(this.checkpoints);
    const stored = all
      .filter(isCheckpointName)
      .map((name) => ({ name, path: path.join(this.checkpoints, name) }));
    for (const hidden of all) {
      const found = parseHiddenName(hidden);
      if (found?.kind !== 'former' || all.includes(found.name)) continue;
      stored.push({ name: found.name, path: path.join(this.checkpoints, hidden) });
    }
    return stored.sort((a, b) => stepOf(a.name) - stepOf(b.name));
  }

  /** Names in a directory; none where it is missing. */
  async list(directory = this.directory): Promise<string[]> {
    return explainDisk(`${directory}: cannot be read`, async () => {
      try {
        return await this.fs.readdir(directory);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw error;
      }
    });
  }

  /**
   * Writes what a start of a run leaves: either all of it or, when the disk refuses, nothing. Then clears away what a
   * kill left half-done.
   *
   * @throws UserError naming what cannot be written
   */
  async begin({ config, vocabulary, history, latest, best }: StartFiles): Promise<void> {
    const made = await explainDisk(`${this.checkpoints}: cannot be made`, () =>
      makeDirectory(this.checkpoints, this.fs),
    );
    const configText = formatConfig(config);
    const texts: Record<string, string> = {
      // First: by it a run is known that has no checkpoint yet.
      [HISTORY_FILE]: formatHistory(history, configText),
      [CONFIG_FILE]: configText,
      [VOCABULARY_FILE]: vocabulary,
      ...(latest !== undefined && { latest: `${latest}\n` }),
      ...(best !== undefined && { best: `${best}\n` }),
    };
    try {
      await explainDisk(`${this.directory}: cannot be written`, () =>
        replaceTexts(this.fs, this.directory, texts),
      );
    } catch (error) {
      unmakeDirectories(made);
      throw error;
    }
    await this.#tidy();
  }

  /**
   * @param state of the checkpoint that the vocabulary is for
   * @throws UserError naming the file when it is missing, damaged, or not the one that the checkpoint was trained with
   */
  async readVocabulary(state: RunState): Promise<Vocabulary> {
    const file = path.join(this.directory, VOCABULARY_FILE);
    return adviseResume(file, async () => {
      const text = await this.#read(VOCABULARY_FILE, MAX_VOCABULARY_BYTES);
      return parseVocabulary(file, text, state.vocabulary);
    });
  }

  async readConfig(overrides: readonly string[] = []): Promise<NamedConfig> {
    const text = await this.#read(CONFIG_FILE, MAX_SMALL_BYTES);
    return parseConfig(text, path.join(this.directory, CONFIG_FILE), overrides);
  }

  /** Undefined where there is none. */
  async readConfigIfThere(): Promise<NamedConfig | undefined> {
    const text = await this.#readIfThere(CONFIG_FILE, MAX_SMALL_BYTES);
    return text === undefined
      ? undefined
      : parseConfig(text, path.join(this.directory, CONFIG_FILE));
  }

  /**
   * Every start of the run, the first one first; none where the history is missing.
   *
   * @param notice hears that config.yaml is not the one that the last of them has written
   * @throws UserError when the history is damaged
   */
  async readHistory(notice?: (message: string) => void): Promise<RunStart[]> {
    const text = await this.#readIfThere(HISTORY_FILE, MAX_SMALL_BYTES);
    if (text === undefined) return [];
    const file = path.join(this.directory, HISTORY_FILE);
    const history = parseHistory(text);
    if (history === undefined) {
      throw new UserError(
        `${file}: damaged: expected the starts of a run as lockstep writes them, with a digest that fits`,
      );
    }
    if (notice !== undefined && history.config !== undefined) {
      const config = await this.#readIfThere(CONFIG_FILE, MAX_SMALL_BYTES);
      if (config !== undefined && digestConfig(config) !== history.config) {
        notice(
          `${path.join(this.directory, CONFIG_FILE)} is not as the run's last start on record wrote it: ` +
            'it was edited or damaged since, or another start was cut off',
        );
      }
    }
    return history.starts;
  }

  /** Points `latest` or `best` to a checkpoint. */
  async point(pointer: 'latest' | 'best', name: string): Promise<void> {
    await replaceText(this.fs, path.join(this.directory, pointer), `${name}\n`);
  }

  async readPointer(pointer: 'latest' | 'best'): Promise<string | undefined> {
    return (await this.#readIfThere(pointer, MAX_SMALL_BYTES))?.trim();
  }

  /**
   * Removes the checkpoints that are no longer wanted when that of `step` has been written.
   *
   * @throws the file system's error
   */
  async prune(step: number, retention: Retention, spared: readonly string[]): Promise<void> {
    const names = await this.listCheckpoints();
    for (const name of chooseRemoved(names, step, retention, spared)) await this.remove(name);
  }

  /** @throws the file system's error */
  async remove(name: string): Promise<void> {
    // Renamed first: half a checkpoint must not look like one.
    const removed = path.join(this.checkpoints, hiddenName(name, 'removed'));
    await this.fs.rename(path.join(this.checkpoints, name), removed);
    await this.fs.rm(removed, { recursive: true, force: true });
  }

  /** Clears away what a kill left half-done: see `hiddenName`. */
  async #tidy(): Promise<void> {
    const names = await this.list(this.checkpoints);
    for (const hidden of names) {
      const found = parseHiddenName(hidden);
      if (!found) continue;
      const from = path.join(this.checkpoints, hidden);
      await explainDisk(`${from}: cannot be cleared away`, () =>
        found.kind === 'former' && !names.includes(found.name)
          ? this.fs.rename(from, path.join(this.checkpoints, found.name))
          : this.fs.rm(from, { recursive: true, force: true }),
      );
    }
  }

  async #read(name: string, maxBytes: number): Promise<string> {
    const file = path.join(this.directory, name);
    return explainDisk(`${file}: expected a file of a run, but it cannot be read`, () =>
      readText(this.fs, file, maxBytes),
    );
  }

  async #readIfThere(name: string, maxBytes: number): Promise<string | undefined> {
    const file = path.join(this.directory, name);
    return explainDisk(`${file}: cannot be read`, async () => {
      try {
        return await readText(this.fs, file, maxBytes);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    });
  }
}
