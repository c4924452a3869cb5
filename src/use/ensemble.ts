import type { NamedConfig } from '../config/load.js';
import { formatVocabulary } from '../checkpoint/vocabulary-file.js';
import { describeValue } from '../config/expectation.js';
import type { TokenStore } from '../data/store/token-store.js';
import { evaluateTogether } from '../decoding/evaluate-together.js';
import type { TranslateOptions, Translated } from '../decoding/translation.js';
import { Translator, type DecodingEngine } from '../decoding/translator.js';
import { UserError } from '../errors.js';
import { boundaryOf } from '../tasks/boundary.js';
import { taskOf } from '../tasks/registry.js';
import { evaluationBatches } from '../train/evaluation.js';
import type {
  Evaluation,
  Likelihood,
  OpenOptions,
  Scorable,
  TrainedModel,
} from '../train/trained-model.js';
import { Calls } from './calls.js';
import { checkTranslateOptions } from './check-options.js';
import { expectStore } from './expect-store.js';
import { openModel } from './model-file.js';
import { copyTexts } from './sentences.js';
import { SharedTranslations } from './shared-translations.js';
import { expectAttention } from './translate-checks.js';

/** A model with the engine that it translates on. */
export type EnsembleMember = TrainedModel & { readonly decodingEngine: DecodingEngine };

/**
 * Opens translators that translate and score together: in every step tokens are as likely as they are to them on average.
 *
 * @param runs directories of runs or checkpoints, all of the same vocabulary
 * @param workerFile entry of the threads; tests bring one whose workers die
 * @throws UserError for what is no translator, or of another vocabulary than the first, or reads sources another way
 */
export async function openEnsemble(
  runs: readonly string[],
  options: OpenOptions = {},
  workerFile?: string,
): Promise<TrainedModel> {
  const members: EnsembleMember[] = [];
  try {
    for (const run of runs) {
      const member = await openModel(run, options, workerFile);
      members.push(member);
      expectAlike(members[0]!, member);
    }
    return new Ensemble(members, options.onBatch);
  } catch (error) {
    for (const member of members) await member.close();
    throw error;
  }
}

function expectAlike(first: EnsembleMember, member: EnsembleMember): void {
  const { gives, model } = taskOf(member.config.task);
  if (gives !== 'pairs') {
    throw new UserError(
      `${member.checkpoint}: expected a translator for an ensemble, got ${model}`,
    );
  }
  if (formatVocabulary(first) !== formatVocabulary(member)) {
    throw new UserError(
      `${member.checkpoint} has another vocabulary than ${first.checkpoint}: the probabilities of an ensemble are those of the same tokens`,
    );
  }
  const [read, own] = [first, member].map(({ config }) => describeReading(config));
  if (read === own) return;
  throw new UserError(
    `${member.checkpoint} reads ${own!} of a source, ${first.checkpoint} ${read!}: the members of an ensemble have to read the same (data.maxSourceLength, data.truncate)`,
  );
}

/** How much of a source that is too long is read; as `partRead` does it. */
function describeReading({ data }: NamedConfig): string {
  const { maxLength, maxSourceLength = maxLength, truncate } = data;
  return `the ${truncate === 'post' ? 'first' : 'last'} ${maxSourceLength} tokens`;
}

/** Translators as one: what it says of itself is what the first one does. */
class Ensemble implements TrainedModel {
  readonly config: NamedConfig;
  readonly tokenizer: TrainedModel['tokenizer'];
  readonly sourceTokenizer?: TrainedModel['tokenizer'];
  readonly classes = [];
  readonly features = [];
  readonly step: number;
  readonly checkpoint: string;
  readonly corpus: string;
  readonly #translator: SharedTranslations;
  readonly #calls: Calls;
  #closed: Promise<void> | undefined;

  constructor(
    private readonly members: readonly EnsembleMember[],
    onBatch?: (rows: number) => void,
  ) {
    const [first] = members as [EnsembleMember];
    this.config = first.config;
    this.tokenizer = first.tokenizer;
    if (first.sourceTokenizer) this.sourceTokenizer = first.sourceTokenizer;
    this.step = first.step;
    this.corpus = first.corpus;
    this.checkpoint = members.map(({ checkpoint }) => checkpoint).join(' + ');
    this.#calls = new Calls(
      `${this.checkpoint}: the model has been closed; open it again to use it`,
    );
    const engines = members.map(({ decodingEngine }) => decodingEngine);
    this.#translator = new SharedTranslations(new Translator(this, engines, { onBatch }));
  }

  translate(texts: readonly string[], options: TranslateOptions = {}): Promise<Translated[]> {
    return this.#calls.run(() => {
      checkTranslateOptions(options);
      for (const member of this.members) expectAttention(member, options);
      return this.#translator.translate(copyTexts('translate', texts), { ...options });
    });
  }

  score(rows: readonly Scorable[]): Promise<Likelihood[]> {
    return this.#calls.run(async () => {
      if (!Array.isArray(rows)) {
        throw new UserError(`score: expected a list, got ${describeValue(rows)}`);
      }
      const given: readonly Scorable[] = Array.from(rows as readonly Scorable[]);
      const told: Likelihood[][] = [];
      for (const member of this.members) told.push(await member.score(given));
      return given.map((_, row) => combine(told.map((each) => each[row]!)));
    });
  }

  async warmUp(options?: { threads?: boolean }): Promise<void> {
    for (const member of this.members) await member.warmUp(options);
  }

  classify(): Promise<never> {
    return this.#refuse('classify');
  }

  regress(): Promise<never> {
    return this.#refuse('regress');
  }

  predict(): Promise<never> {
    return this.#refuse('predict');
  }

  async *predictMany(): AsyncGenerator<never, void, undefined> {
    yield await this.#refuse('predict');
  }

  embed(): Promise<never> {
    return this.#refuse('embed');
  }

  tag(): Promise<never> {
    return this.#refuse('tag');
  }

  evaluate(store: TokenStore): Promise<Evaluation> {
    return this.#calls.run(async () => {
      expectStore(this, store);
      const source = evaluationBatches(this.config, store, this.tokenizer);
      const { crossEntropy, accuracy, targets } = await evaluateTogether(
        this.members.map(({ decodingEngine }) => decodingEngine),
        source,
        boundaryOf(this.tokenizer),
      );
      // Smoothing is each member's own: what they tell together is compared as it is.
      return { loss: crossEntropy, accuracy, targets, perplexity: Math.exp(crossEntropy) };
    });
  }

  async *generate(): AsyncGenerator<never, void, undefined> {
    yield await this.#refuse('generate');
  }

  #refuse(call: string): Promise<never> {
    const does = 'an ensemble translates, and scores and evaluates translations';
    return Promise.reject(new UserError(`${this.checkpoint}: ${does}: it does not ${call}`));
  }

  close(): Promise<void> {
    // The members' engines are used beside their own calls, which know nothing of it.
    return (this.#closed ??= this.#calls.close().then(async () => {
      await Promise.all(this.members.map((member) => member.close()));
    }));
  }
}

/** Each token's probability is the mean of what the members tell. */
function combine(told: readonly Likelihood[]): Likelihood {
  const [first] = told as [Likelihood];
  const tokens = first.tokens!.map(({ text }, i) => ({
    text,
    logProbability: logOfMean(told.map((each) => each.tokens![i]!.logProbability)),
  }));
  const logProbability = tokens.reduce((sum, each) => sum + each.logProbability, 0);
  return { ...first, logProbability, tokens };
}

/** The logarithm of the mean of what these are the logarithms of. */
function logOfMean(logarithms: readonly number[]): number {
  const most = Math.max(...logarithms);
  if (most === -Infinity) return most;
  const sum = logarithms.reduce((all, each) => all + Math.exp(each - most), 0);
  return most + Math.log(sum / logarithms.length);
}
