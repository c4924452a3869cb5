import type { NamedConfig } from '../config/load.js';
import { configSchema, type Config } from '../config/schema.js';
import { networkShape } from '../compute/sizes.js';
import { UserError } from '../errors.js';
import { describeNetwork } from '../model/graph/describe.js';
import { OF_ROWS } from '../model/graph/stack-graph.js';
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

/** No key of a config: what the network reads of rows differs from what the same keys meant in early versions. */
const READS_ENDS = 'readsEndsBelowDropout';

export function signConfig(config: Config): SignedConfig {
  const unsigned = unsignedKeys(config);
  const signed = nest([...flatten(config)].filter(([key]) => !isBelow(key, unsigned)));
  return { ...signed, ...(readsEndsBelowDropout(config) && { [READS_ENDS]: true }) };
}

/** Whether what a layer that reads from the end of rows ends with is read, and dropout stands on it. */
function readsEndsBelowDropout(config: Config): boolean {
  const shape = networkShape(config, 3, ['', '']);
  const { layers, inputs } = describeNetwork(shape);
  return shape.layers.some(({ name }, place) => {
    const last = inputs[place]![0]!;
    return name.module.endsWith(OF_ROWS) && layers[inputs[last]![0]!]?.reverses === true;
  });
}

/**
 * Puts what a checkpoint has signed in the place of what a config says.
 *
 * @param file that the signed part comes from
 * @returns the config, and what was different
 * @throws UserError when the signed part is none of this version, or its network was another one in the version that wrote it
 */
export function restoreConfig(
  config: NamedConfig,
  signed: SignedConfig,
  file: string,
): { config: NamedConfig; changes: ConfigChange[] } {
  const { [READS_ENDS]: readsEnds, ...own } = signed;
  const leaves = flatten(own);
  const unsigned = [...unsignedKeys(config), EVALUATIONS];
  const unsaid = [...flatten(config)].filter(([key]) => !leaves.has(key) && isBelow(key, unsigned));
  const parsed = configSchema.safeParse(nest([...leaves, ...unsaid]));
  if (!parsed.success) {
    throw new UserError(`${file}: its config is not one that this version of lockstep knows`, {
      cause: parsed.error,
    });
  }
  if (readsEnds !== true && readsEndsBelowDropout(parsed.data)) {
    throw new UserError(
      `${file}: was trained by an early version, which read what rows end with above the dropout that stands on the top recurrent layer: train it anew`,
    );
  }
  const restored = { ...parsed.data, name: config.name };
  return { config: restored, changes: compareConfigs(config, restored).weighty };
}
