/** Which pairs are left out of training, by their numbers of tokens. */

export interface PairLimits {
  /** Tokens of the longest target and of the longest source. */
  readonly maxLength: number;
  readonly maxSourceLength: number;
  /** How many times as many tokens one side may have as the other; null for any number. */
  readonly maxRatio: number | null;
  /** Whether they leave anything out: nothing of what is only measured. */
  readonly areHeld: boolean;
}

/** A side without a token, one that is too long, or sides of too different lengths. */
export type LeftOut = 'empty' | 'long' | 'uneven';

/** Why a pair is left out before any vocabulary; undefined where it is not. */
export function leftOut(limits: PairLimits, sources: number, targets: number): LeftOut | undefined {
  const { maxLength, maxSourceLength, maxRatio, areHeld } = limits;
  if (!areHeld) return undefined;
  if (sources === 0 || targets === 0) return 'empty';
  if (targets > maxLength || sources > maxSourceLength) return 'long';
  const isEven =
    maxRatio === null || Math.max(sources, targets) <= maxRatio * Math.min(sources, targets);
  return isEven ? undefined : 'uneven';
}

/**
 * Why one is left out by the vocabulary, of what is only measured, too: a tokenizer that drops words that it does not know may leave none of a
 * side, and no network reads or writes that.
 */
export function leftEmpty(keptSources: number, keptTargets: number): LeftOut | undefined {
  return keptSources === 0 || keptTargets === 0 ? 'empty' : undefined;
}
