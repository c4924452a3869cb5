/** What evaluations can be compared by: numbers that stand in an evaluation under these names. */

export interface MeasureKind {
  /** As it is called in a sentence. */
  readonly label: string;
  readonly better: 'lower' | 'higher';
  /** How it is shown: as a share of a hundred, with so many decimals, or with its first digits. */
  readonly shown: 'share' | 'digits' | number;
  /** Whether rows have to be translated for it. */
  readonly ofTranslations?: true;
}

/** Every measure; a task says which of them its evaluations have (`Task.measures`). */
export const MEASURES = {
  loss: { label: 'loss', better: 'lower', shown: 4 },
  accuracy: { label: 'accuracy', better: 'higher', shown: 'share' },
  f1: { label: 'F1', better: 'higher', shown: 'share' },
  perplexity: { label: 'perplexity', better: 'lower', shown: 3 },
  mse: { label: 'MSE', better: 'lower', shown: 'digits' },
  rmse: { label: 'RMSE', better: 'lower', shown: 'digits' },
  mae: { label: 'MAE', better: 'lower', shown: 'digits' },
  r2: { label: 'R²', better: 'higher', shown: 4 },
  bleu: { label: 'BLEU', better: 'higher', shown: 2, ofTranslations: true },
  chrf: { label: 'chrF', better: 'higher', shown: 2, ofTranslations: true },
  exact: { label: 'exact match', better: 'higher', shown: 'share', ofTranslations: true },
} as const satisfies Record<string, MeasureKind>;

export type MeasureName = keyof typeof MEASURES;
export const MEASURE_NAMES = Object.keys(MEASURES) as [MeasureName, ...MeasureName[]];

/** Values by the names of measures; what an evaluation has no number for is absent. */
export type MeasureValues = { readonly [name in MeasureName]?: number | undefined };

export function measureKind(name: MeasureName): MeasureKind {
  return MEASURES[name];
}

/** "lower validation loss": what evaluations go for. */
export function describeBetter(name: MeasureName): string {
  const { better, label } = MEASURES[name];
  return `${better} validation ${label}`;
}

/** The measures among all that an evaluation has found out. */
export function measuresOf(evaluation: MeasureValues): MeasureValues {
  const entries = MEASURE_NAMES.map((name) => [name, evaluation[name]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** The finite ones: what can be compared, and written down. */
export function finiteMeasures(evaluation: MeasureValues): MeasureValues {
  const entries = Object.entries(measuresOf(evaluation));
  return Object.fromEntries(entries.filter(([, value]) => Number.isFinite(value)));
}

/** Whether a value is better than another one; equal ones are not, and nothing is by what is not there. */
export function isBetter(
  name: MeasureName,
  value: number | undefined,
  than: number | undefined,
): boolean {
  if (value === undefined) return false;
  if (than === undefined) return true;
  return MEASURES[name].better === 'lower' ? value < than : value > than;
}

/**
 * Whether a result is better than another one by a measure. While nothing has been told rightly yet, and the measure of both is 0, the
 * loss tells which of them has learned more.
 */
export function isBetterResult(
  name: MeasureName,
  result: MeasureValues,
  than: MeasureValues | undefined,
): boolean {
  const isNone = MEASURES[name].better === 'higher' && result[name] === 0 && than?.[name] === 0;
  const by = isNone ? 'loss' : name;
  return isBetter(by, result[by], than?.[by]);
}
