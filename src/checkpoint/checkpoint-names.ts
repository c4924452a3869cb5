import type { Config } from '../config/schema.js';

/** Names of checkpoints, and which of them are kept. */

export type Retention = Pick<Config['train']['checkpoint'], 'keep' | 'keepEvery'>;

/** Of the checkpoint after a number of updates. */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, '0')}`;
}

export function isCheckpointName(name: string): boolean {
  return /^step-\d{8,}$/.test(name);
}

export function stepOf(name: string): number {
  return Number(name.slice('step-'.length));
}

/** Beside a checkpoint: one being written, one about to be replaced, and one being removed. */
type HiddenKind = 'partial' | 'former' | 'removed';

export function hiddenName(name: string, kind: HiddenKind): string {
  return `.${name}.${kind}`;
}

export function parseHiddenName(hidden: string): { name: string; kind: HiddenKind } | undefined {
  const match = /^\.(step-\d{8,})\.(partial|former|removed)$/.exec(hidden);
  return match ? { name: match[1]!, kind: match[2] as HiddenKind } : undefined;
}

/**
 * Chooses which checkpoints go when that of `step` has been written: all but the newest `keep`, those of every
 * `keepEvery`-th step and the spared. Later ones are not counted: they were damaged, or else the run would have
 * gone on from them.
 *
 * @param names oldest first
 */
export function chooseRemoved(
  names: readonly string[],
  step: number,
  { keep, keepEvery }: Retention,
  spared: readonly string[],
): string[] {
  return names
    .filter((name) => stepOf(name) <= step)
    .slice(0, -keep)
    .filter((name) => !spared.includes(name))
    .filter((name) => keepEvery === null || stepOf(name) % keepEvery !== 0);
}
