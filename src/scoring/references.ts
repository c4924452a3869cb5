import { UserError } from '../errors.js';

/** The release of sacreBLEU whose numbers these are. */
export const SACREBLEU_VERSION = '2.6.0';

/** How many references sentences have, for signatures: `var` where some have more than others. */
export class ReferenceCounts {
  #sentences = 0;
  readonly #seen = new Set<number>();

  /** @throws UserError for a sentence without any */
  take(references: readonly string[]): readonly string[] {
    this.#sentences += 1;
    if (references.length === 0) {
      throw new UserError(`sentence ${this.#sentences}: expected a reference, got none`);
    }
    this.#seen.add(references.length);
    return references;
  }

  /** What the signature says of them, and of what was counted how, in sacreBLEU's order. */
  sign(settings: Readonly<Record<string, string | number>>): string {
    const [number = 1] = this.#seen;
    const nrefs = this.#seen.size > 1 ? 'var' : number;
    return Object.entries({ nrefs, ...settings, version: SACREBLEU_VERSION })
      .map(([name, value]) => `${name}:${value}`)
      .join('|');
  }
}
