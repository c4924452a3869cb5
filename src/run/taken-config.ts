import type { NamedConfig } from '../config/load.js';
import { configSchema } from '../config/schema.js';
import type { Resumption } from './admission.js';
import { describeChanges, flatten, freeKeys, isBelow, nest } from './config-changes.js';
import type { RunStart } from './history.js';

/** What a start of a run writes down of its config. */
export interface TakenConfig extends Pick<RunStart, 'changes' | 'overridden'> {
  config: NamedConfig;
}

/** What a resumed run has yet to do; an evaluation comes with steps, too. */
export type Remainder = 'steps' | 'evaluation' | 'nothing';

/** What an evaluation alone takes of the keys that make other weights where steps follow. */
const EVALUATED = ['data.validation', 'data.test'];

/**
 * The config that a resumed run has from here on. Where no step follows, its weights are those of the former one, and what would
 * have made others of them is not taken: config.yaml goes on telling what its checkpoints were trained with.
 *
 * @param config that it is resumed with
 * @param notice hears what becomes of changes that make other weights
 */
export function takeConfig(
  config: NamedConfig,
  { former, weighty, harmless }: Resumption,
  remainder: Remainder,
  notice: (message: string) => void,
): TakenConfig {
  if (weighty.length === 0) return { config, changes: harmless, overridden: [] };
  if (remainder === 'steps') {
    notice(
      `Overriding the run's config, so that its weights follow from no one config: ${describeChanges(weighty)}.`,
    );
    const overridden = weighty.map(({ key }) => key);
    return { config, changes: [...weighty, ...harmless], overridden };
  }
  const evaluated = remainder === 'evaluation' ? EVALUATED : [];
  const taken = weighty.filter(({ key }) => isBelow(key, evaluated));
  const left = weighty.filter((change) => !taken.includes(change));
  if (taken.length > 0) {
    notice(`Overriding the run's config for an evaluation alone: ${describeChanges(taken)}.`);
  }
  if (left.length > 0) notice(`Not taken, since no step follows: ${describeChanges(left)}.`);
  return {
    config: mixConfigs(former, config, remainder === 'evaluation'),
    changes: [...taken, ...harmless],
    overridden: taken.map(({ key }) => key),
  };
}

/**
 * A run's former config with what one that it is resumed with may change of it where no step follows.
 *
 * @param isEvaluated whether an evaluation does
 */
export function mixConfigs(
  former: NamedConfig,
  config: NamedConfig,
  isEvaluated: boolean,
): NamedConfig {
  const mixed = [...freeKeys(former, config), ...(isEvaluated ? EVALUATED : [])];
  const kept = [...flatten(former)].filter(([key]) => !isBelow(key, mixed));
  const changed = [...flatten(config)].filter(([key]) => isBelow(key, mixed));
  return { ...configSchema.parse(nest([...kept, ...changed])), name: config.name };
}
