import { describeValue } from '../config/expectation.js';
import type { NamedConfig } from '../config/load.js';
import { RowEncoder } from '../data/batches/encode-row.js';
import { columnsOf, type FeatureVocabulary } from '../data/features/features.js';
import type { TokenStore } from '../data/store/token-store.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import { UserError } from '../errors.js';
import type { BestEvaluation } from '../events.js';
import { Calls } from './calls.js';
import { checkGenerateOptions, checkPredictMany, checkTranslateOptions } from './check-options.js';
import { undrawn } from '../decoding/undrawn.js';
import { describeEmbeddings, Embeddings, expectEmbeddings } from './embeddings.js';
import { expectStore } from './expect-store.js';
import { generateText } from './generation.js';
import type { TranslateOptions, Translated } from '../decoding/translation.js';
import { decodingSizes, Translator } from '../decoding/translator.js';
import { evaluate, evaluationBatches } from '../train/evaluation.js';
import { Likelihoods } from './likelihoods.js';
import { ModelEngine } from './model-engine.js';
import { predictMany } from './predict-many.js';
import { predictAll } from './predictions.js';
import { readModel, type ReadModel } from './read-model.js';
import { RowBatches } from './row-batches.js';
import { copySentences, copyTexts } from './sentences.js';
import { foldWeights, type Weights } from '../checkpoint/weights.js';
import type { NetworkShape } from '../model/graph/shape.js';
import { longestRow } from '../compute/sizes.js';
import type {
  Evaluation,
  GenerateOptions,
  Likelihood,
  OpenOptions,
  Prediction,
  PredictManyOptions,
  Scorable,
  Sentence,
  TrainedModel,
} from '../train/trained-model.js';
import { taskOf } from '../tasks/registry.js';
import type { Task } from '../tasks/task.js';
import type { TargetScale } from '../tasks/target-scale.js';
import { tagSentences } from './tagging.js';
import { SharedTranslations } from './shared-translations.js';
import { expectAttention } from './translate-checks.js';
import { freezeDeep } from '../system/freeze-deep.js';
import { Turns } from './turns.js';

/**
 * Opens a trained model.
 *
 * @param run directory of a run, or of one of its checkpoints
 * @param workerFile entry of the threads; tests bring one whose workers die
 * @throws UserError when there is no whole checkpoint
 */
export async function openModel(
  run: string,
  options: OpenOptions = {},
  workerFile?: string,
): Promise<SharedModel> {
  const { onBatch } = options;
  return new SharedModel(
    { ...(await readModel(run, options)), ...(onBatch && { onBatch }) },
    workerFile,
  );
}

/** A model that any number of callers may use at once. */
export class SharedModel implements TrainedModel {
  readonly config: NamedConfig;
  readonly tokenizer: Tokenizer;
  readonly sourceTokenizer?: Tokenizer;
  readonly classes: readonly string[];
  readonly targetScale?: TargetScale;
  readonly features: readonly FeatureVocabulary[];
  readonly step: number;
  readonly checkpoint: string;
  readonly best?: BestEvaluation;
  readonly corpus: string;
  readonly #calls: Calls;
  readonly #encoder: RowEncoder;
  readonly #engine: ModelEngine;
  readonly #rows: RowBatches;
  readonly #likelihoods: Likelihoods;
  /** Whose rows carry what they have read. */
  readonly decodingEngine: ModelEngine;
  readonly #translator: SharedTranslations;
  /** Of a row. */
  readonly #outputs: number;
  readonly #evaluations = new Turns();
  #embeddings: { readonly of: Embeddings; readonly engine: ModelEngine } | undefined;
  /** Undefined once closed. */
  #weights: Weights | undefined;
  private readonly shape: NetworkShape;
  #closed: Promise<void> | undefined;

  constructor(
    {
      config,
      vocabulary,
      state,
      found,
      shape,
      weights,
      onBatch,
    }: ReadModel & { readonly onBatch?: (rows: number) => void },
    private readonly workerFile?: string,
  ) {
    const { checkpoint, best } = found;
    this.config = freezeDeep(config);
    this.checkpoint = checkpoint;
    this.shape = shape;
    this.#weights = weights;
    if (best) this.best = best;
    this.tokenizer = vocabulary.tokenizer;
    if (vocabulary.sourceTokenizer) this.sourceTokenizer = vocabulary.sourceTokenizer;
    // What one caller did to these would be done to the answers of all.
    this.classes = freezeDeep(vocabulary.classes);
    if (vocabulary.targetScale) this.targetScale = freezeDeep(vocabulary.targetScale);
    this.features = freezeDeep(vocabulary.features ?? []);
    this.#encoder = new RowEncoder(this.tokenizer, this.features);
    this.step = state.step;
    this.corpus = state.corpus;
    this.#calls = new Calls(`${checkpoint}: the model has been closed; open it again to use it`);
    this.#engine = new ModelEngine(config, shape, weights, workerFile);
    this.#rows = new RowBatches(this.#engine, 'predict', this.#engine.rowSizes, onBatch);
    this.#likelihoods = new Likelihoods(
      this,
      this.#encoder,
      this.#engine,
      state.lineEnd ?? '\n',
      onBatch,
    );
    const folded = foldWeights(shape, weights);
    const decoding = { ...folded.shape, carries: true };
    const sizes = decodingSizes(config);
    this.decodingEngine = new ModelEngine(config, decoding, folded.weights, workerFile, sizes);
    this.#translator = new SharedTranslations(
      new Translator(this, [this.decodingEngine], { onBatch }),
    );
    this.#outputs = this.targetScale ? 1 : this.classes.length;
  }

  classify(texts: readonly string[]): Promise<Float32Array[]> {
    return this.#calls.run(() => this.#computeRows('classify', texts));
  }

  regress(texts: readonly string[]): Promise<number[]> {
    return this.#calls.run(async () => {
      const found = await this.#computeRows('regress', texts);
      return found.map(([number]) => number!);
    });
  }

  /** What stands on the network's top for each text. */
  async #computeRows(call: Task['call'], texts: readonly string[]): Promise<Float32Array[]> {
    this.#expectUse(call);
    // A copy: the caller's list may change before its turn comes.
    const given = copyTexts(call, texts);
    const results = new Array<Float32Array>(given.length);
    await this.#rows.compute({
      count: given.length,
      encode: (row) => this.#encoder.encodeRow(given[row]!, this.config.data),
      placeFor: (row) => (results[row] = new Float32Array(this.#outputs)),
    });
    return results;
  }

  predict(input: string | Sentence): Promise<Prediction> {
    return this.#calls.run(async () => {
      this.#expectInput(input);
      return (await predictAll(this, [input]))[0]!;
    });
  }

  async *predictMany(
    inputs: AsyncIterable<string | Sentence> | Iterable<string | Sentence>,
    options: PredictManyOptions = {},
  ): AsyncGenerator<Prediction, void, undefined> {
    checkPredictMany(inputs, options);
    yield* predictMany((input) => this.predict(input), inputs, options);
  }

  embed(inputs: readonly (string | Sentence)[]): Promise<Float32Array[]> {
    return this.#calls.run(async () => {
      expectEmbeddings(taskOf(this.config.task), this.checkpoint);
      return (this.#embeddings ??= this.#openEmbeddings()).of.embed(inputs);
    });
  }

  /** The network without its head, on an engine of its own, which is made when it is first asked for. */
  #openEmbeddings(): { of: Embeddings; engine: ModelEngine } {
    const { config } = this;
    const { shape, head, width } = describeEmbeddings(this.shape);
    const weights = new Map(this.#weights).set(head.weight, head.values);
    const engine = new ModelEngine(config, shape, weights, this.workerFile);
    const model = {
      ...{ task: taskOf(config.task), encoder: this.#encoder, columns: columnsOf(this.features) },
      ...{ limits: config.data, longestRow: longestRow(config) },
      emptyToken: this.tokenizer.emptyToken,
    };
    return { of: new Embeddings(model, engine, width), engine };
  }

  /** @throws UserError for what is neither a text nor, for a tagger, a sentence */
  #expectInput(input: unknown): void {
    const { gives } = taskOf(this.config.task);
    if (gives === 'tokens' || typeof input === 'string') return;
    throw new UserError(`predict: expected a text, got ${describeValue(input)}`);
  }

  tag(sentences: readonly Sentence[]): Promise<string[][]> {
    return this.#calls.run(async () => {
      this.#expectUse('tag');
      const given = copySentences(sentences, columnsOf(this.features));
      const { maxLength } = this.config.data;
      const model = { rows: this.#rows, encoder: this.#encoder, classes: this.classes, maxLength };
      return tagSentences(model, given);
    });
  }

  translate(texts: readonly string[], options: TranslateOptions = {}): Promise<Translated[]> {
    return this.#calls.run(() => {
      checkTranslateOptions(options);
      this.#expectUse('translate');
      expectAttention(this, options);
      return this.#translator.translate(copyTexts('translate', texts), { ...options });
    });
  }

  score(rows: readonly Scorable[]): Promise<Likelihood[]> {
    return this.#calls.run(() => this.#likelihoods.score(rows));
  }

  evaluate(store: TokenStore): Promise<Evaluation> {
    return this.#calls.run(() =>
      // One after the other: each goes over its store in order and may need a larger engine than the one before.
      this.#evaluations.take(async () => {
        expectStore(this, store);
        const source = evaluationBatches(this.config, store, this.tokenizer);
        const engine = await this.#engine.fit(source);
        const measure = taskOf(this.config.task).measure(this.classes);
        return evaluate(engine, source, measure, (work) => this.#engine.take(work, { engine }));
      }),
    );
  }

  async *generate(options: GenerateOptions): AsyncGenerator<string, void, undefined> {
    const call = this.#calls.begin();
    try {
      this.#expectUse('generate');
      checkGenerateOptions(options);
      const model = {
        ...{ name: this.checkpoint, tokenizer: this.tokenizer, encoder: this.#encoder },
        rows: this.#rows,
        sequenceLength: this.config.train.sequenceLength,
        left: undrawn(this.config.data.tokenizer, this.tokenizer),
      };
      for await (const text of generateText(model, { ...options })) {
        call.pause();
        yield text;
        call.resume();
      }
    } finally {
      call.end();
    }
  }

  warmUp({ threads = true }: { threads?: boolean } = {}): Promise<void> {
    return this.#calls.run(() => {
      const { call } = taskOf(this.config.task);
      const translates = call === 'translate';
      const engine = translates ? this.decodingEngine : this.#engine;
      return engine.warmUp(threads);
    });
  }

  /** @throws UserError where the model is for another use */
  #expectUse(call: Task['call']): void {
    const { model, does, call: own } = taskOf(this.config.task);
    if (own === call) return;
    throw new UserError(`${this.checkpoint} is ${model}: it ${does}, it does not ${call}`);
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#calls.close().then(async () => {
      await this.#engine.close();
      await this.decodingEngine.close();
      await this.#embeddings?.engine.close();
      this.#weights = undefined;
    }));
  }
}
