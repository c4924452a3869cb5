import type { BackendKind } from '../backend/select.js';
import { Engine } from '../compute/engine.js';
import { allocateEngine, type EngineHandle } from '../compute/engine-memory.js';
import { createWorkerPool, type WorkerPool } from '../compute/pool.js';
import { networkSizes } from '../compute/sizes.js';
import type { Config } from '../config/schema.js';
import { readStoredPairs, type Pair } from '../data/prepare/read-pairs.js';
import type { Corpus } from '../data/store/corpus.js';
import type { TokenStore } from '../data/store/token-store.js';
import { scoreTranslations, type TranslationScores } from '../decoding/translation-scores.js';
import { decodingSizes, Translator } from '../decoding/translator.js';
import type { TrainListener } from '../events.js';
import type { NetworkShape } from '../model/shape.js';

/** How many pairs, and how widely is searched. */
export type TranslatedSample = NonNullable<Config['train']['evaluateTranslations']>;

/** What the translations are measured by. */
export type TranslationMeasures = Pick<TranslationScores, 'bleu' | 'chrf' | 'exact'>;

/**
 * Makes ready to translate where a config asks for it: its engine's rows carry what they have read, unlike those of training.
 *
 * @param workerFile entry of the threads; tests bring one whose workers die
 */
export function openTranslations(
  config: Config,
  corpus: Corpus,
  shape: NetworkShape,
  threads: { backend: BackendKind; listener: TrainListener; workerFile?: string | undefined },
): ValidationTranslations | undefined {
  const translated = config.train.evaluateTranslations;
  if (translated === null || corpus.validation === undefined) return undefined;
  const batches = decodingSizes(config, translated.beam);
  const sizes = networkSizes(config, { ...shape, carries: true }, [batches], false);
  const handle = allocateEngine(threads.backend, sizes);
  const pool = createWorkerPool(handle, threads.listener, threads.workerFile);
  return new ValidationTranslations(config, corpus, corpus.validation, translated, handle, pool);
}

/** Translates the first pairs of a validation split while a run trains, on an engine of its own, which takes the weights over. */
export class ValidationTranslations {
  readonly #engine: Engine;
  #pairs: readonly Pair[] | undefined;

  constructor(
    private readonly config: Config,
    private readonly corpus: Corpus,
    private readonly store: TokenStore,
    readonly translated: TranslatedSample,
    handle: EngineHandle,
    private readonly pool: WorkerPool,
  ) {
    this.#engine = new Engine(handle, pool.runStage);
  }

  get heapBytes(): number {
    return this.#engine.heap.bytes.byteLength;
  }

  /**
   * BLEU, chrF and exact match of what an engine's weights translate.
   *
   * @throws UserError where the texts are no longer there
   */
  async measure(weights: Engine): Promise<TranslationMeasures> {
    const { config, corpus } = this;
    const { pairs, beam } = this.translated;
    this.#pairs ??= await readStoredPairs(config, corpus, this.store, pairs);
    const engine = this.#engine;
    for (const { name } of engine.plan.parameters) {
      engine.parameter(name).set(weights.parameter(name));
    }
    await engine.packWeights();
    const translator = new Translator(
      { config, tokenizer: corpus.tokenizer, sourceTokenizer: corpus.sourceTokenizer },
      [{ take: (task) => task(engine) }],
    );
    const { bleu, chrf, exact } = await scoreTranslations(
      { translate: (...given) => translator.translate(...given), tokenizer: corpus.tokenizer },
      [this.#pairs],
      { beam },
    );
    return { bleu, chrf, exact };
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}
