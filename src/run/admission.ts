import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { NamedConfig } from '../config/load.js';
import { networkShape } from '../compute/sizes.js';
import { UserError } from '../errors.js';
import { describeNetwork } from '../model/graph/describe.js';
import { keptOf } from '../optimizers/kept.js';
import {
  compareConfigs,
  describeChanges,
  isBelow,
  trainingKeys,
  type ConfigChange,
} from './config-changes.js';
import { explainDisk } from '../system/disk.js';
import { taskOf } from '../tasks/registry.js';
import type { Task } from '../tasks/task.js';
import { expectFollowed } from './overriding.js';
import { CONFIG_FILE, HISTORY_FILE, OWN_FILES, type RunDirectory } from './run-directory.js';
import { settlePrecision } from './settle-precision.js';
import { STATE_FILE, verifyCheckpoint, type RunState } from '../checkpoint/run-state.js';
import { restoreConfig } from './signed-config.js';

/**
 * Whether a run may be started in a directory, or gone on with there. All of it only looks: what is refused has
 * changed nothing. Each refusal names a way that leads on.
 */

/** Where a resumed run goes on, and what is different about it. */
export interface Resumption {
  /** Undefined when the run has no checkpoint yet. */
  found: FoundCheckpoint | undefined;
  /** What it was trained with so far. */
  former: NamedConfig;
  /** What it goes on with, with nothing left open. */
  config: NamedConfig;
  /** Changes that make other weights, allowed because the user said so. */
  weighty: ConfigChange[];
  harmless: ConfigChange[];
}

export interface FoundCheckpoint {
  name: string;
  /** Where its files lie now: put aside under another name, if a kill left it so. */
  path: string;
  state: RunState;
  /** Names of all that are there. */
  stored: readonly string[];
}

/** Keys of which the weights follow what they are: for others they mean nothing, also where their shapes fit. */
const MEANING = ['task', 'model'];

/**
 * A directory without a checkpoint holds nothing that could be lost: whoever mends a mistake in the config may start
 * again.
 *
 * @throws UserError when the directory holds a run already, or files of such names that are no run's
 */
export async function admitNew(directory: RunDirectory): Promise<void> {
  const other = await findOthersFile(directory);
  if (other !== undefined) {
    throw new UserError(
      `${other}: expected no such file, since ${directory.directory} holds no run: ` +
        'it would be overwritten; name another directory with --run-dir',
    );
  }
  const held = await directory.listStored();
  if (held.length > 0) {
    throw new UserError(
      `${directory.directory} already holds a run (newest checkpoint ${held.at(-1)!.name}): ` +
        'add --resume to go on with it, or name another directory with --run-dir',
    );
  }
  await expectWritable(directory);
}

/**
 * @throws UserError when the directory holds nothing to go on with
 */
export async function expectRun(directory: RunDirectory): Promise<void> {
  const other = await findOthersFile(directory);
  const name = directory.directory;
  if (other !== undefined) {
    throw new UserError(
      `${name} holds no run to resume (no checkpoints), and a new one would overwrite ${other}: ` +
        'name another directory with --run-dir',
    );
  }
  if ((await directory.listStored()).length > 0) return;
  const names = await directory.list();
  if (names.includes(path.basename(directory.checkpoints)) && names.includes(CONFIG_FILE)) return;
  throw new UserError(`${name} holds no run to resume: leave out --resume to start one`);
}

/**
 * Finds the newest whole checkpoint to go on from, and compares the config with the one that it was trained with.
 *
 * @param asked config to go on with
 * @param override takes changes of the config that make other weights
 * @param notice hears what was changed, and why a newer checkpoint was passed over
 * @throws UserError when the directory holds no run, a run of another config, or damaged checkpoints only, or when changes
 *   would count for nothing
 */
export async function admitResume(
  directory: RunDirectory,
  asked: NamedConfig,
  override: boolean,
  notice: (message: string) => void,
): Promise<Resumption> {
  await expectRun(directory);
  const found = await findWhole(directory, notice);
  const former = await readFormer(directory, found, asked, notice);
  const config = settlePrecision(asked, former);
  const { harmless, weighty } = compareConfigs(former, config);
  const name = directory.directory;
  const training = trainingKeys(config);
  const foreign = weighty.filter(({ key }) => isBelow(key, MEANING) && !isBelow(key, training));
  if (found && foreign.length > 0) {
    const fits = isDeepStrictEqual(shapesOf(former), shapesOf(config));
    throw new UserError(
      `${name} holds weights ${fits ? 'that would have another meaning' : 'of another shape'} (${describeChanges(foreign)}): ` +
        'use that config, or start a new run with another --run-dir',
    );
  }
  if (found && !isDeepStrictEqual(keptOf(former.train), keptOf(config.train))) {
    const changed = weighty.filter(({ key }) =>
      isBelow(key, ['train.optimizer', 'train.averaging']),
    );
    throw new UserError(
      `${name} holds what another optimizer keeps of the weights (${describeChanges(changed)}): ` +
        'use that config, or start a new run with another --run-dir',
    );
  }
  const rows = weighty.filter(({ key }) => key === 'train.batchSize');
  if (found && rows.length > 0 && carriesRows(config)) {
    throw new UserError(
      `${name} holds what other rows carry from batch to batch (${describeChanges(rows)}): ` +
        'use that config, or start a new run with another --run-dir',
    );
  }
  if (weighty.length > 0 && !override) {
    throw new UserError(
      `${name} holds a run of another config (${describeChanges(weighty)}): ` +
        (found
          ? `use that config or another --run-dir${adviseOverride(weighty, config)}`
          : 'it has no checkpoint yet, so that leaving out --resume starts it afresh'),
    );
  }
  // No step follows whatever the corpus, which may take an hour to prepare.
  if (found && found.state.step >= (config.train.maxSteps ?? Infinity)) {
    const overriding = { weighty, hasOtherCorpus: false };
    expectFollowed(name, overriding, 'evaluation', 'raise train.maxSteps');
  }
  if (harmless.length > 0) notice(`Changed since the last start: ${describeChanges(harmless)}.`);
  await expectWritable(directory);
  return { found, former, config, weighty, harmless };
}

/** Shapes of a config's weights, for some vocabulary and classes. */
function shapesOf(config: NamedConfig): (readonly number[])[] {
  const { parameters } = describeNetwork(networkShape(config, 3, ['', '']));
  return parameters.map(({ shape }) => shape);
}

/** Whether batches go on where those before have ended, row by row. */
function carriesRows(config: NamedConfig): boolean {
  const { layers } = describeNetwork(networkShape(config, 3, ['', '']));
  return taskOf(config.task).carries && layers.some(({ carried }) => carried.length > 0);
}

/** What a corpus decides that weights mean something by: if it stays the same they do, if it is another one they do not. */
export const MEANT_BY = {
  class: { same: 'vocabulary and classes stay', other: 'vocabulary or other classes' },
  labels: { same: 'vocabulary and labels stay', other: 'vocabulary or other labels' },
  number: {
    same: 'vocabulary, and mean and deviation of the numbers, stay',
    other: 'vocabulary or numbers of another mean and deviation',
  },
  'next token': { same: 'the vocabulary stays', other: 'vocabulary' },
} as const satisfies Record<Task['target'], { same: string; other: string }>;

/** Weights mean nothing for other words: where they could be others, --override may lead to the next refusal. */
function adviseOverride(weighty: readonly ConfigChange[], { task }: NamedConfig): string {
  const isOfData = weighty.some(({ key }) => isBelow(key, ['data']));
  const condition = isOfData ? `, if ${MEANT_BY[taskOf(task).target].same} the same` : '';
  return `, or add --override to go on with the changed one${condition}`;
}

/** Whether a directory with a folder of checkpoints is a run that this program has started. */
async function isOurs(directory: RunDirectory): Promise<boolean> {
  if ((await directory.listStored()).length > 0) return true;
  const names = await directory.list();
  if (!names.includes(HISTORY_FILE)) return false;
  try {
    return (await directory.readHistory()).length > 0;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

/** Files with a run's names where no run is would be somebody's own. */
async function findOthersFile(directory: RunDirectory): Promise<string | undefined> {
  const names = await directory.list();
  // Folders called checkpoints are everywhere: a run has one of its own in it, or the history that a start writes first.
  if (names.includes(path.basename(directory.checkpoints)) && (await isOurs(directory))) {
    return undefined;
  }
  const other = OWN_FILES.find((name) => names.includes(name));
  return other === undefined ? undefined : path.join(directory.directory, other);
}

async function findWhole(
  directory: RunDirectory,
  notice: (message: string) => void,
): Promise<FoundCheckpoint | undefined> {
  const stored = await directory.listStored();
  for (const { name, path: place } of stored.toReversed()) {
    let state: RunState;
    try {
      state = await verifyCheckpoint(place, directory.fs);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      notice(`${error.message}; looking for an earlier checkpoint.`);
      continue;
    }
    return { name, path: place, state, stored: stored.map((each) => each.name) };
  }
  if (stored.length === 0) {
    notice(`${directory.directory} holds no checkpoint: beginning at the first step.`);
    return undefined;
  }
  const count =
    stored.length === 1
      ? 'its only checkpoint is not'
      : `none of its ${stored.length} checkpoints is`;
  throw new UserError(
    `${directory.directory}: ${count} whole: start a new run with another --run-dir`,
  );
}

/** The config that the run was last trained with: config.yaml, as far as the checkpoint does not know better. */
async function readFormer(
  directory: RunDirectory,
  found: FoundCheckpoint | undefined,
  config: NamedConfig,
  notice: (message: string) => void,
): Promise<NamedConfig> {
  const file = path.join(directory.directory, CONFIG_FILE);
  const signed = found?.state.config;
  let former: NamedConfig | undefined;
  try {
    former = await directory.readConfigIfThere();
  } catch (error) {
    if (!(error instanceof UserError) || !signed) throw error;
    notice(`${error.sentences[0]!}; the config in ${found.path} stands for it.`);
    return restoreConfig(config, signed, path.join(found.path, STATE_FILE)).config;
  }
  if (former === undefined && !signed) {
    throw new UserError(
      `${file}: expected the config that the run's checkpoints were trained with, but there is no such file: ` +
        'put it back, or start a new run with another --run-dir',
    );
  }
  if (former === undefined)
    notice(`${file} is missing; the config in ${found!.path} stands for it.`);
  if (!signed) return former!;
  const restored = restoreConfig(former ?? config, signed, path.join(found.path, STATE_FILE));
  if (former !== undefined && restored.changes.length > 0) {
    notice(
      `${file} is not what ${found.path} was trained with, which stands for it: ${describeChanges(restored.changes)}.`,
    );
  }
  return restored.config;
}

/** Files that cannot be written are met now and not in the midst of the work. */
async function expectWritable(directory: RunDirectory): Promise<void> {
  for (const name of [...OWN_FILES, 'latest', 'best']) {
    const file = path.join(directory.directory, name);
    await explainDisk(`${file}: cannot be written`, async () => {
      try {
        await (await directory.fs.open(file, 'r+')).close();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
        throw error;
      }
    });
  }
}
