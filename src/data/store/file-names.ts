/** What the files of a token store are called. */

export const manifestName = 'manifest.json';

/** Where bad rows are kept: one JSON object a line. */
export const quarantineName = 'quarantine.jsonl';

/** A split's file of a feature, behind the split's name. */
export function featureFile(feature: number): `features-${number}` {
  return `features-${feature}`;
}
