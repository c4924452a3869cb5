import type { TranslateOptions } from '../decoding/translation.js';
import { UserError } from '../errors.js';

/** @throws UserError for options that ask where a model looks that looks nowhere */
export function expectAttention(
  {
    config,
    checkpoint,
  }: {
    readonly config: {
      readonly model: { readonly attention?: { readonly kind: string } | undefined };
    };
    readonly checkpoint: string;
  },
  { attention, coveragePenalty = 0, unknown }: TranslateOptions,
): void {
  if (config.model.attention?.kind !== 'none') return;
  const asked = {
    attention,
    coveragePenalty: coveragePenalty > 0,
    unknown: unknown === 'replace',
  };
  const [name] = Object.entries(asked).find(([, isAsked]) => isAsked) ?? [];
  if (name === undefined) return;
  throw new UserError(
    `translate: ${name}: ${checkpoint} attends to no word of the source (model.attention.kind none)`,
  );
}
