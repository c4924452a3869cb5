import type { NamedConfig } from '../config/load.js';
import { configSchema } from '../config/schema.js';
import type { Resumption } from './admission.js';
import { describeChanges, flatten, freeKeys, isBelow, nest } from './config-changes.js';
import type { RunStart } from './history.js';

/** What a start of a run writes down of its config. */
export interface TakenConfig extends Pick<RunStart, 'changes' | 'overridden'> {
  config: NamedConfig;
}

/**
 * The config that a resumed run has from here on. Where it does nothing more, its weights are those of the former one, and what would
 * have made others of them is not taken: config.yaml goes on telling what its checkpoints were trained with.
 *
 * @param config that it is resumed with
 * @param goesOn whether a step or an evaluation follows
 * @param notice hears what becomes of changes that make other weights
 */
export function takeConfig(
  config: NamedConfig,
  { former, weighty, harmless }: Resumption,
  goesOn: boolean,
  notice: (message: string) => void,
): TakenConfig {
  if (weighty.length === 0) return { config, changes: harmless, overridden: [] };
  const what = describeChanges(weighty);
  if (goesOn) {
    notice(`Overriding the run's config, so that its weights follow from no one config: ${what}.`);
    const overridden = weighty.map(({ key }) => key);
    return { config, changes: [...weighty, ...harmless], overridden };
  }
  notice(`Not taken, since no step follows: ${what}.`);
  const free = freeKeys(config);
  const kept = [...flatten(former)].filter(([key]) => !isBelow(key, free));
  const changed = [...flatten(config)].filter(([key]) => isBelow(key, free));
  const taken = configSchema.parse(nest([...kept, ...changed]));
  return { config: { ...taken, name: config.name }, changes: harmless, overridden: [] };
}
