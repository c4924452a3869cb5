import path from 'node:path';
import type { NamedConfig } from '../config/load.js';
import { describeChanges } from './config-changes.js';
import { adviseResume, CONFIG_FILE, type RunDirectory } from './run-directory.js';
import { STATE_FILE, type RunState } from '../checkpoint/run-state.js';
import { restoreConfig } from './signed-config.js';

/**
 * The config to use a checkpoint with: config.yaml of its run, and for what decides the meaning of the weights what
 * the checkpoint itself has signed.
 *
 * @param notify hears of keys that differ
 */
export async function readTrainedConfig(
  run: RunDirectory,
  checkpoint: string,
  state: RunState,
  notify: (message: string) => void,
  overrides: readonly string[] = [],
): Promise<NamedConfig> {
  if (!state.config) return run.readConfig(overrides);
  const file = path.join(run.directory, CONFIG_FILE);
  const written = await adviseResume(file, () => run.readConfig());
  // What is wrong with the overrides is no damage of the file.
  const config = overrides.length === 0 ? written : await run.readConfig(overrides);
  const restored = restoreConfig(config, state.config, path.join(checkpoint, STATE_FILE));
  if (restored.changes.length > 0) {
    notify(
      `${file} is not what ${checkpoint} was trained with, ` +
        `which stands for it: ${describeChanges(restored.changes)}.`,
    );
  }
  return restored.config;
}
