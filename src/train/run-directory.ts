import * as nodeFs from 'node:fs/promises';
import path from 'node:path';
import { formatConfig, parseConfig, type NamedConfig } from '../config/load.js';
import { UserError } from '../errors.js';
import {
  checkpointName,
  chooseRemoved,
  hiddenName,
  isCheckpointName,
  parseHiddenName,
  stepOf,
  type Retention,
} from './checkpoint-names.js';
import { compareConfigs, describeChanges, type ConfigChange } from './config-changes.js';
import { explainDisk, readText, replaceText, type RunFileSystem } from './disk.js';
import { formatHistory, parseHistory, type RunStart } from './history.js';
import { verifyCheckpoint, type RunState } from './run-state.js';
import { parseVocabulary, type Vocabulary } from './vocabulary-file.js';

/**
 * The directory of a run: config.yaml, vocabulary.json, history.json, metrics.jsonl, checkpoints/, and the files
 * `latest` and `best` that name a checkpoint each.
 */

export const CONFIG_FILE = 'config.yaml';
const VOCABULARY_FILE = 'vocabulary.json';
const HISTORY_FILE = 'history.json';
const OWN_FILES = [CONFIG_FILE, VOCABULARY_FILE, HISTORY_FILE, 'metrics.jsonl'];

/** Beyond these sizes a file is not what its name says. */
const MAX_SMALL_BYTES = 2 ** 24;
const MAX_VOCABULARY_BYTES = 2 ** 30;

/** Where a resumed run goes on, and what is different about it. */
export interface Resumption {
  /** Undefined when the run has no checkpoint yet. */
  found: { checkpoint: string; state: RunState } | undefined;
  changes: ConfigChange[];
  /** Changed keys that make other weights, taken because the user said so. */
  overridden: string[];
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
    const names = await this.#listAll();
    return names.filter(isCheckpointName).sort((a, b) => stepOf(a) - stepOf(b));
  }

  /**
   * Starts a run here. A directory without a checkpoint holds nothing that could be lost: whoever mends a
   * mistake in the config may start again.
   *
   * @throws UserError when the directory holds a run already, or files of such names that are no run's
   */
  async create(config: NamedConfig): Promise<void> {
    await this.#expectNoOthersFiles();
    await this.#tidy();
    const held = await this.listCheckpoints();
    if (held.length > 0) {
      throw new UserError(
        `${this.directory} already holds a run (newest checkpoint ${held.at(-1)!}): ` +
          'add --resume to go on with it, or name another directory with --run-dir',
      );
    }
    await this.writeConfig(config);
  }

  /**
   * Reads the config of the run that lies here, as text.
   *
   * @throws UserError when there is none
   */
  async expectRun(): Promise<string> {
    const text = await this.#readIfThere(CONFIG_FILE, MAX_SMALL_BYTES);
    if (text !== undefined) return text;
    throw new UserError(
      `${this.directory} holds no run to resume (no ${CONFIG_FILE}): leave out --resume to start one`,
    );
  }

  /**
   * Compares the config with the run's and finds the newest whole checkpoint to go on from. The config
   * is not written yet: there may be other reasons to refuse it.
   *
   * @param override takes every change of the config
   * @param notice hears what was changed, and why a newer checkpoint was passed over
   * @throws UserError when the directory holds no run, a run of another config, or damaged checkpoints only
   */
  async resume(
    config: NamedConfig,
    override: boolean,
    notice: (message: string) => void,
  ): Promise<Resumption> {
    const former = parseConfig(await this.expectRun(), path.join(this.directory, CONFIG_FILE));
    const { harmless, weighty } = compareConfigs(former, config);
    if (weighty.length > 0 && !override) {
      throw new UserError(
        `${this.directory} holds a run of another config (${describeChanges(weighty)}): ` +
          'use that config or another --run-dir, or add --override to go on with the changed one',
      );
    }
    if (weighty.length > 0) {
      notice(
        `Overriding the run's config, so that its weights follow from no one config: ${describeChanges(weighty)}.`,
      );
    }
    if (harmless.length > 0) notice(`Changed since the last start: ${describeChanges(harmless)}.`);
    await this.#tidy();
    return {
      found: await this.#findWhole(notice),
      changes: [...weighty, ...harmless],
      overridden: weighty.map(({ key }) => key),
    };
  }

  /** Files with a run's names where no run is would be somebody's own. */
  async #expectNoOthersFiles(): Promise<void> {
    const names = await this.#list(this.directory);
    if (names.includes(path.basename(this.checkpoints))) return;
    const other = OWN_FILES.find((name) => names.includes(name));
    if (other === undefined) return;
    throw new UserError(
      `${path.join(this.directory, other)}: expected no such file, since ${this.directory} holds no run: ` +
        'it would be overwritten; name another directory with --run-dir',
    );
  }

  async #findWhole(
    notice: (message: string) => void,
  ): Promise<{ checkpoint: string; state: RunState } | undefined> {
    const names = await this.listCheckpoints();
    for (const name of names.toReversed()) {
      const checkpoint = path.join(this.checkpoints, name);
      let state: RunState;
      try {
        state = await verifyCheckpoint(checkpoint, this.fs);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        notice(`${error.message}; looking for an earlier checkpoint.`);
        continue;
      }
      await this.#repoint(name, state, names);
      return { checkpoint, state };
    }
    if (names.length === 0) {
      notice(`${this.directory} holds no checkpoint: beginning at the first step.`);
      return undefined;
    }
    throw new UserError(
      `${this.directory}: ${names.length === 1 ? 'its only checkpoint is not' : `none of its ${names.length} checkpoints is`} whole`,
    );
  }

  async writeConfig(config: NamedConfig): Promise<void> {
    await explainDisk(`${this.checkpoints}: cannot be made`, () =>
      this.fs.mkdir(this.checkpoints, { recursive: true }),
    );
    await this.#replace(CONFIG_FILE, formatConfig(config));
  }

  /** @param text what `formatVocabulary` gives */
  async writeVocabulary(text: string): Promise<void> {
    await this.#replace(VOCABULARY_FILE, text);
  }

  /**
   * @param state of the checkpoint that the vocabulary is for
   * @throws UserError naming the file when it is missing, damaged, or not the one that the checkpoint was trained with
   */
  async readVocabulary(state: RunState): Promise<Vocabulary> {
    const file = path.join(this.directory, VOCABULARY_FILE);
    const text = await this.#read(VOCABULARY_FILE, MAX_VOCABULARY_BYTES);
    return parseVocabulary(file, text, state.vocabulary);
  }

  async readConfig(overrides: readonly string[] = []): Promise<NamedConfig> {
    const text = await this.#read(CONFIG_FILE, MAX_SMALL_BYTES);
    return parseConfig(text, path.join(this.directory, CONFIG_FILE), overrides);
  }

  /** Every start of the run, the first one first; none where the history is missing. */
  async readHistory(): Promise<RunStart[]> {
    const text = await this.#readIfThere(HISTORY_FILE, MAX_SMALL_BYTES);
    if (text === undefined) return [];
    const starts = parseHistory(text);
    if (starts) return starts;
    throw new UserError(
      `${path.join(this.directory, HISTORY_FILE)}: damaged: expected the starts of a run as lockstep writes them`,
    );
  }

  /**
   * Adds a start to the history. A new run begins a new one, and so does one whose history is damaged: it is for
   * the reader, and no reason not to go on.
   */
  async recordStart(
    start: RunStart,
    resumed: boolean,
    notice: (message: string) => void,
  ): Promise<void> {
    let former: RunStart[] = [];
    try {
      if (resumed) former = await this.readHistory();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      notice(`${error.message}; beginning a new one.`);
    }
    await this.#replace(HISTORY_FILE, formatHistory([...former, start]));
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
    for (const name of chooseRemoved(names, step, retention, spared)) {
      // Renamed first: half a checkpoint must not look like one.
      const removed = path.join(this.checkpoints, hiddenName(name, 'removed'));
      await this.fs.rename(path.join(this.checkpoints, name), removed);
      await this.fs.rm(removed, { recursive: true, force: true });
    }
  }

  /** Clears away what a kill left half-done: see `hiddenName`. */
  async #tidy(): Promise<void> {
    const names = await this.#listAll();
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

  /** A kill may have come between a checkpoint and its pointers, and damage undoes what they said. */
  async #repoint(latest: string, state: RunState, names: readonly string[]): Promise<void> {
    const best = state.validation.best && checkpointName(state.validation.best.step);
    await explainDisk(`${this.directory}: cannot be written`, async () => {
      await this.point('latest', latest);
      if (best !== undefined && names.includes(best)) await this.point('best', best);
    });
  }

  #listAll(): Promise<string[]> {
    return this.#list(this.checkpoints);
  }

  async #list(directory: string): Promise<string[]> {
    return explainDisk(`${directory}: cannot be read`, async () => {
      try {
        return await this.fs.readdir(directory);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw error;
      }
    });
  }

  async #replace(name: string, text: string): Promise<void> {
    const file = path.join(this.directory, name);
    await explainDisk(`${file}: cannot be written`, () => replaceText(this.fs, file, text));
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
