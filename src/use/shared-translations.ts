import type { TranslateOptions, Translated } from '../decoding/translation.js';
import type { Translator } from '../decoding/translator.js';

/** Texts of several calls that are translated together, at most; a call with more goes its own way, in turns with these. */
const TEXTS_AT_ONCE = 64;

interface WaitingCall {
  readonly texts: readonly string[];
  readonly options: TranslateOptions;
  /** The same of calls that are translated alike. */
  readonly key: string;
  resolve(translated: Translated[]): void;
  reject(error: unknown): void;
}

/**
 * Translates for any number of callers. Calls with few texts that come while others are translated are translated together, those with the same
 * options; what a text is translated to depends on itself alone. Nobody waits for company.
 */
export class SharedTranslations {
  #waiting: WaitingCall[] = [];
  #isRunning = false;

  constructor(private readonly translator: Pick<Translator, 'translate'>) {}

  translate(texts: readonly string[], options: TranslateOptions): Promise<Translated[]> {
    if (texts.length > TEXTS_AT_ONCE) return this.translator.translate(texts, options);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ texts, options, key: keyOf(options), resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  /** Never rejects: an error goes to the calls that it concerns. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    // Calls that are made in one go come together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const taken = this.#take();
      try {
        const texts = taken.flatMap((call) => call.texts);
        const translated = await this.translator.translate(texts, taken[0]!.options);
        let at = 0;
        for (const call of taken) call.resolve(translated.slice(at, (at += call.texts.length)));
      } catch (error) {
        for (const call of taken) call.reject(error);
      }
    }
    this.#isRunning = false;
  }

  /** The call that has waited for longest, and those that can be translated with it. */
  #take(): WaitingCall[] {
    const { key } = this.#waiting[0]!;
    const taken: WaitingCall[] = [];
    const left: WaitingCall[] = [];
    let texts = 0;
    for (const call of this.#waiting) {
      const fits = call.key === key && texts + call.texts.length <= TEXTS_AT_ONCE;
      if (fits) texts += call.texts.length;
      (fits ? taken : left).push(call);
    }
    this.#waiting = left;
    return taken;
  }
}

/** Whatever the order that they are given in; those that are given as nothing are absent. */
function keyOf({ sampling, ...options }: TranslateOptions): string {
  const entries = (given: object): [string, unknown][] =>
    Object.entries(given)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([entries(options), entries(sampling ?? {}), sampling !== undefined]);
}
