import { UserError } from '../errors.js';
import { describeChanges, isBelow, type ConfigChange } from './config-changes.js';

/** What `--override` lets a resumed run take, besides what it may always be resumed with. */
export interface Overriding {
  /** Changes of the config that make other weights. */
  weighty: readonly ConfigChange[];
  /** Whether the corpus is another one than that of the last checkpoint. */
  hasOtherCorpus: boolean;
}

/** What a resumed run has yet to do at most: steps, with evaluations among them, an evaluation alone, or nothing. */
export type Remainder = 'steps' | 'evaluation' | 'nothing';

/** What an evaluation alone is made of: all other keys that make other weights say how steps are done. */
const EVALUATED = ['data.validation', 'data.test'];

/**
 * Refuses what would count for nothing: the run would be written down as one of a config or corpus that no step of it had.
 *
 * @param directory of the run
 * @param goOn what would have steps follow: "raise train.epochs"
 * @throws UserError naming what is in vain
 */
export function expectFollowed(
  directory: string,
  { weighty, hasOtherCorpus }: Overriding,
  remainder: Remainder,
  goOn: string,
): void {
  if (remainder === 'steps') return;
  const isEvaluated = remainder === 'evaluation';
  const what = isEvaluated ? 'step' : 'step or evaluation';
  const lacks = `${directory} holds a run that has ended, so that no ${what} would go by the changed`;
  const vain = weighty.filter(({ key }) => !isEvaluated || !isBelow(key, EVALUATED));
  if (vain.length > 0) {
    throw new UserError(
      `${lacks} config (${describeChanges(vain)}): use the run's own config or, to go on with the changed one, ${goOn}`,
    );
  }
  if (hasOtherCorpus && !isEvaluated) {
    throw new UserError(
      `${lacks} corpus: restore the files that data names or, to go on with the changed ones, ${goOn}`,
    );
  }
}

/** Sentences on what is overridden. */
export function describeOverriding(
  { weighty, hasOtherCorpus }: Overriding,
  remainder: Remainder,
): string[] {
  const overrides =
    remainder === 'evaluation'
      ? "Overriding the run's config for an evaluation alone"
      : "Overriding the run's config, so that its weights follow from no one config";
  return [
    ...(weighty.length > 0 ? [`${overrides}: ${describeChanges(weighty)}.`] : []),
    ...(hasOtherCorpus ? ['Overriding: the corpus has changed since the last checkpoint.'] : []),
  ];
}
