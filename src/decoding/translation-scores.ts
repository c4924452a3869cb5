import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import type { Pair } from '../data/prepare/read-pairs.js';
import { Bleu } from '../scoring/bleu.js';
import { Chrf } from '../scoring/chrf.js';
import type { TranslateOptions, Translated } from './translation.js';

/** How near translations come to those that are given. */
export interface TranslationScores {
  /** As sacreBLEU counts them, from 0 to 100, with what it signs them by. */
  bleu: number;
  bleuSignature: string;
  chrf: number;
  chrfSignature: string;
  /** Share of the translations that are those that are given, letter by letter. */
  exact: number;
  pairs: number;
  /** Translations that were cut, since they may be no longer. */
  cut: number;
}

/** How translations are compared with those that are given. */
export interface CompareOptions {
  /** Whether letters are compared in lower case, as sacreBLEU's `case:lc`; where absent as the tokenizer of the translations has them. */
  lowercase?: boolean;
}

const PAIRS_AT_ONCE = 1024;

/** What translates, and the tokenizer of what it writes. */
interface TranslatingModel {
  translate(texts: readonly string[], options?: TranslateOptions): Promise<Translated[]>;
  readonly tokenizer: Tokenizer;
}

/**
 * Translates what pairs have as source, as `translate` does where nothing else is said, and compares it with their targets. A model whose
 * tokens are all lower-cased is compared so, too, where nothing else is said, and the signature says it.
 */
export async function scoreTranslations(
  model: TranslatingModel,
  batches: AsyncIterable<readonly Pair[]> | Iterable<readonly Pair[]>,
  options: TranslateOptions = {},
  { lowercase = lowersCase(model.tokenizer) }: CompareOptions = {},
): Promise<TranslationScores> {
  const asCompared = (text: string): string => (lowercase ? text.toLowerCase() : text);
  const [bleu, chrf] = [new Bleu({ lowercase }), new Chrf({ lowercase })];
  let [pairs, exact, cut] = [0, 0, 0];
  for await (const batch of batches) {
    for (let first = 0; first < batch.length; first += PAIRS_AT_ONCE) {
      const some = batch.slice(first, first + PAIRS_AT_ONCE);
      const found = await model.translate(
        some.map(({ source }) => source),
        options,
      );
      some.forEach(({ target }, i) => {
        const [best] = found[i]!.translations;
        const text = best?.text ?? '';
        bleu.add(text, [target]);
        chrf.add(text, [target]);
        // Of what is unknown a translation has the capitals of its source.
        if (asCompared(text) === asCompared(target)) exact += 1;
        if (best?.isCut === true) cut += 1;
        pairs += 1;
      });
    }
  }
  const [bleuResult, chrfResult] = [bleu.result(), chrf.result()];
  return {
    ...{ bleu: bleuResult.score, bleuSignature: bleuResult.signature },
    ...{ chrf: chrfResult.score, chrfSignature: chrfResult.signature },
    ...{ exact: pairs === 0 ? 0 : exact / pairs, pairs, cut },
  };
}

function lowersCase(tokenizer: Tokenizer): boolean {
  const json = tokenizer.toJSON();
  return 'lowerCase' in json && json.lowerCase;
}
