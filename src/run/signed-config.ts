import type { NamedConfig } from '../config/load.js';
import { configSchema, type Config } from '../config/schema.js';
import { UserError } from '../errors.js';
import {
  compareConfigs,
  EVALUATIONS,
  flatten,
  harmlessKeys,
  isBelow,
  nest,
  type ConfigChange,
} from './config-changes.js';

/**
 * The part of a config that decides what a checkpoint's weights mean and come from. It stands in the checkpoint's own
 * state: config.yaml beside it may be damaged or edited without changing what the weights are used for.
 */

/** Keys whose values may differ between equal runs, or whose meaning the fingerprints of corpus and vocabulary tell. */
function unsignedKeys(config: Config): string[] {
  return [
    ...harmlessKeys(config),
    ...['data.train', 'data.validation', 'data.test'],
    ...['data.tokenizer.file', 'data.sourceTokenizer.file'],
  ];
}

export type SignedConfig = Record<string, unknown>;

export function signConfig(config: Config): SignedConfig {
  const unsigned = unsignedKeys(config);
  return nest([...flatten(config)].filter(([key]) => !isBelow(key, unsigned)));
}

/**
 * Puts what a checkpoint has signed in the place of what a config says.
 *
 * @param file that the signed part comes from
 * @returns the config, and what was different
 * @throws UserError when the signed part is none of this version
 */
export function restoreConfig(
  config: NamedConfig,
  signed: SignedConfig,
  file: string,
): { config: NamedConfig; changes: ConfigChange[] } {
  const leaves = flatten(signed);
  const unsigned = [...unsignedKeys(config), EVALUATIONS];
  const own = [...flatten(config)].filter(([key]) => !leaves.has(key) && isBelow(key, unsigned));
  const parsed = configSchema.safeParse(nest([...leaves, ...own]));
  if (!parsed.success) {
    throw new UserError(`${file}: its config is not one that this version of lockstep knows`, {
      cause: parsed.error,
    });
  }
  const restored = { ...parsed.data, name: config.name };
  return { config: restored, changes: compareConfigs(config, restored).weighty };
}
