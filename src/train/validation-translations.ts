import type { Engine } from '../compute/engine.js';
import { networkSizes } from '../compute/sizes.js';
import type { Config } from '../config/schema.js';
import { readStoredPairs, type Pair } from '../data/prepare/read-pairs.js';
import type { Corpus } from '../data/store/corpus.js';
import { scoreTranslations, type TranslationScores } from '../decoding/translation-scores.js';
import { decodingSizes, Translator } from '../decoding/translator.js';
import { foldAttention } from '../model/graph/folded-attention.js';
import type { NetworkShape } from '../model/graph/shape.js';
import type { NetworkSizes } from '../model/sizes.js';
import type { SampleRow } from '../events.js';
import { showAttention } from './shown/attention.js';
import { cutText } from './shown/row-texts.js';
import { sampleRows } from './shown/samples.js';
import { hasAllOrders } from '../scoring/bleu.js';

/** How many pairs, and how widely is searched. */
export type TranslatedSample = NonNullable<Config['train']['evaluateTranslations']>;

/** What the translations are measured by. */
export type TranslationMeasures = Pick<TranslationScores, 'bleu' | 'chrf' | 'exact'>;

/** The sizes of what translates in evaluations: its rows carry what they have read, unlike those of training. */
export function translationSizes(
  config: Config,
  shape: NetworkShape,
  { beam }: TranslatedSample,
): NetworkSizes {
  const folded = { ...foldAttention(shape).shape, carries: true };
  return networkSizes(config, folded, [decodingSizes(config, beam)], false);
}

/**
 * The pairs that a config has its evaluations translate, as they were prepared: they are read before the first step, so that
 * a run measures the same ones to its end, whatever becomes of their files.
 *
 * @param notice hears where BLEU cannot tell one evaluation from another
 * @throws UserError where their texts are no longer there
 */
export async function readSample(
  config: Config,
  corpus: Corpus,
  notice: (message: string) => void,
): Promise<readonly Pair[] | undefined> {
  const { evaluateTranslations, bestBy } = config.train;
  if (evaluateTranslations === null || corpus.validation === undefined) return undefined;
  const pairs = await readStoredPairs(
    config,
    corpus,
    corpus.validation,
    evaluateTranslations.pairs,
  );
  if (bestBy === 'bleu' && !pairs.some(({ target }) => hasAllOrders(target))) {
    notice(
      `train.bestBy: none of the ${pairs.length} targets that evaluations translate has four words, ` +
        'without which BLEU is 0 however good a translation is: choose chrf or exact.',
    );
  }
  return pairs;
}

/** As many pairs as there are, and how widely is searched: what makes evaluations comparable. */
export function describeSample(
  { beam }: TranslatedSample,
  sample: readonly Pair[],
): TranslatedSample {
  return { pairs: sample.length, beam };
}

/** Translates the first pairs of a validation split while a run trains, on an engine of its own, which takes the weights over. */
export class ValidationTranslations {
  readonly #engine: Engine;
  readonly #beam: number;

  constructor(
    private readonly config: Config,
    private readonly corpus: Pick<Corpus, 'tokenizer' | 'sourceTokenizer'>,
    private readonly pairs: readonly Pair[],
    engine: Engine,
  ) {
    this.#engine = engine;
    this.#beam = config.train.evaluateTranslations!.beam;
  }

  get heapBytes(): number {
    return this.#engine.heap.bytes.byteLength;
  }

  /**
   * BLEU, chrF and exact match of what an engine's weights translate, and some of the translations.
   *
   * @param beforeStep what it throws ends the translations
   */
  async measure(
    weights: Engine,
    beforeStep?: () => void,
  ): Promise<{ measures: TranslationMeasures; samples: SampleRow[] }> {
    const { config, corpus } = this;
    const engine = this.#engine;
    const { makeWeights } = foldAttention(weights.plan.sizes.shape);
    const made = makeWeights((name) => weights.parameter(name));
    for (const { name } of engine.plan.parameters) {
      engine.parameter(name).set(made.get(name) ?? weights.parameter(name));
    }
    await engine.packWeights();
    const translator = new Translator(
      { config, tokenizer: corpus.tokenizer, sourceTokenizer: corpus.sourceTokenizer },
      [{ take: (task) => task(engine) }],
      { beforeStep },
    );
    const { bleu, chrf, exact } = await scoreTranslations(
      { translate: (...given) => translator.translate(...given), tokenizer: corpus.tokenizer },
      [this.pairs],
      { beam: this.#beam },
    );
    return { measures: { bleu, chrf, exact }, samples: await this.#show(translator) };
  }

  /** Some of the pairs once more, now with what was attended to: what a text is translated to depends on itself alone. */
  async #show(translator: Translator): Promise<SampleRow[]> {
    const { pairs } = this;
    const rows = sampleRows(pairs.length);
    const texts = rows.map((row) => pairs[row]!.source);
    const found = await translator.translate(texts, { beam: this.#beam, attention: true });
    return found.map(({ translations: [best], sourceTokens }, i): SampleRow => {
      const { source, target } = pairs[rows[i]!]!;
      return {
        ...{ row: rows[i]!, text: cutText(source), target: cutText(target) },
        predicted: cutText(best?.text ?? ''),
        ...(best?.attention && {
          attention: showAttention(sourceTokens, best.tokens, best.attention),
        }),
      };
    });
  }
}
