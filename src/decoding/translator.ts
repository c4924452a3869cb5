import type { Config } from '../config/schema.js';
import type { Engine } from '../compute/engine.js';
import type { BatchSizes } from '../data/batches/batch-source.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import { streamOf } from '../tensor/random.js';
import { alignmentOf } from './alignment.js';
import { BeamSearch } from './beam.js';
import { decode, type Stepper } from './decode.js';
import { Decoder } from './decoder.js';
import { EnsembleDecoder } from './ensemble-decoder.js';
import { stepsOf } from './path.js';
import { Sampling } from './sampling.js';
import type { Found, Search } from './search.js';
import type { TranslateOptions, Translated, Translation } from './translation.js';
import { isUnknown, TokenTexts, WrittenTokens } from './written-tokens.js';

/** How long texts may be, as a config says. */
export interface TextLimits {
  readonly data: Pick<Config['data'], 'maxLength' | 'maxSourceLength' | 'truncate'>;
}

/** What translations are made with. */
export interface TranslatingModel {
  readonly config: TextLimits;
  readonly tokenizer: Tokenizer;
  readonly sourceTokenizer?: Tokenizer | undefined;
}

/** Lends its engine, whose rows carry what they have read, to one task at a time. */
export interface DecodingEngine {
  /** @param sizes that it has to hold */
  take<T>(
    task: (engine: Engine) => Promise<T>,
    options: { readonly sizes: BatchSizes },
  ): Promise<T>;
}

/**
 * Runs a task with all engines, which are borrowed one after the other.
 *
 * @param sizes that each has to hold
 */
export function borrowAll(
  engines: readonly DecodingEngine[],
  sizes: BatchSizes,
  task: (engines: readonly Engine[]) => Promise<void>,
  taken: readonly Engine[] = [],
): Promise<void> {
  const next = engines[taken.length];
  if (next === undefined) return task(taken);
  return next.take((engine) => borrowAll(engines, sizes, task, [...taken, engine]), { sizes });
}

/** Texts that are computed together, and sentences of which they are. */
const TEXTS_AT_ONCE = 640;
const SENTENCES_AT_ONCE = 128;
/** How many times as many sentences are read at once at least, to take the places of those that end: more save few steps, and take memory. */
const TURNS = 3;
const USUAL_BEAM = 5;

/**
 * Batches of texts under way, a token of each.
 *
 * @param width texts of a sentence that are followed at a time
 * @param sentences that are read at a time, at most
 */
export function decodingSizes(
  { data }: TextLimits,
  width = USUAL_BEAM,
  sentences = SENTENCES_AT_ONCE,
): BatchSizes {
  const { maxLength, maxSourceLength = maxLength } = data;
  const rows = Math.min(TEXTS_AT_ONCE, sentences * Math.max(width, TURNS));
  const maxRows = Math.max(width, rows);
  return {
    ...{ maxRows, maxTokens: maxRows, maxSteps: 1 },
    source: { maxTokens: sentences * maxSourceLength, maxSteps: maxSourceLength },
  };
}

/** Which of a source's tokens are read: not all, where it is longer than any row may be. */
export function partRead(
  { data: { maxLength, maxSourceLength = maxLength, truncate } }: TextLimits,
  tokens: number,
): { start: number; end: number; unread: number } {
  const unread = Math.max(0, tokens - maxSourceLength);
  const start = truncate === 'post' ? 0 : unread;
  return { start, end: start + maxSourceLength, unread };
}

/**
 * Which sentences are read together: as many as the engine holds. Of those the longest comes first, since it takes the most steps, and the
 * last ones end soon after each other.
 *
 * @param lengths tokens of each; those without any are in no batch
 */
function cutIntoBatches(
  lengths: readonly number[],
  { maxRows, source }: Pick<BatchSizes, 'maxRows' | 'source'>,
): number[][] {
  const order = Array.from(lengths.keys())
    .filter((i) => lengths[i]! > 0)
    .sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const batches: number[][] = [];
  let tokens = Infinity;
  for (const i of order) {
    tokens += lengths[i]!;
    if (tokens > source!.maxTokens || batches.at(-1)!.length === maxRows) {
      batches.push([]);
      tokens = lengths[i]!;
    }
    batches.at(-1)!.push(i);
  }
  return batches;
}

interface Sentence {
  readonly text: string;
  readonly tokens: readonly number[];
  /** What is written in the place of an unknown word that comes from there. */
  readonly words: readonly string[];
  readonly unread: number;
}

export interface TranslatorOptions {
  /** What it throws ends the translation. */
  beforeStep?: (() => void) | undefined;
  /** That are read at a time, at most. */
  sentences?: number;
  /** Hears how many sentences were translated together. */
  onBatch?: ((sentences: number) => void) | undefined;
}

/** Texts that are translated many at a time, each as it would be alone. */
export class Translator {
  /** Begins what the decoder reads, and ends what it writes: behind all tokens of the tokenizer. */
  readonly #boundary: number;
  readonly #written: WrittenTokens;
  readonly #texts: TokenTexts;
  readonly #sentences: number;

  /** @param engines of several what they tell is averaged */
  constructor(
    private readonly model: TranslatingModel,
    private readonly engines: readonly DecodingEngine[],
    private readonly options: TranslatorOptions = {},
  ) {
    this.#sentences = options.sentences ?? SENTENCES_AT_ONCE;
    this.#boundary = model.tokenizer.vocabularySize;
    this.#written = new WrittenTokens(model.sourceTokenizer ?? model.tokenizer);
    this.#texts = new TokenTexts(model.tokenizer);
  }

  async translate(texts: readonly string[], options: TranslateOptions = {}): Promise<Translated[]> {
    const sentences = texts.map((text) => this.#read(text));
    const found = sentences.map((): Found[] => []);
    const { beam = USUAL_BEAM, best = 1, sampling } = options;
    const width = sampling ? best : Math.max(beam, best);
    const sizes = decodingSizes(this.model.config, width, this.#sentences);
    const atOnce = Math.min(this.#sentences, Math.floor(sizes.maxRows / width));
    const lengths = sentences.map(({ tokens }) => tokens.length);
    for (const batch of cutIntoBatches(lengths, sizes)) {
      await borrowAll(this.engines, sizes, async (engines) => {
        const searches = batch.map((i) => this.#search(sentences[i]!, options));
        const sources = batch.map((i) => sentences[i]!.tokens);
        const decoders = engines.map((engine) => new Decoder(engine, sources));
        const [only, ...others] = decoders;
        const stepper = others.length === 0 ? only! : new EnsembleDecoder(decoders);
        const step: Stepper['step'] = (...asked) => {
          this.options.beforeStep?.();
          return stepper.step(...asked);
        };
        await decode(searches, { ranks: stepper.ranks, step }, this.#boundary, atOnce);
        batch.forEach((i, place) => (found[i] = searches[place]!.results()));
      });
      this.options.onBatch?.(Math.min(batch.length, atOnce));
    }
    return sentences.map((sentence, i) => ({
      translations: found[i]!.map((each) => this.#tell(each, sentence, options)),
      sourceTokens: [...sentence.words],
      unread: sentence.unread,
    }));
  }

  #read(text: string): Sentence {
    const { tokenizer, sourceTokenizer = tokenizer, config } = this.model;
    const all = sourceTokenizer.encode(text);
    const { start, end, unread } = partRead(config, all.length);
    const cut = <T>(list: readonly T[]): T[] => list.slice(start, end);
    return { text, tokens: cut(all), words: cut(this.#written.of(text, all)), unread };
  }

  #search({ text }: Sentence, options: TranslateOptions): Search {
    const { config, tokenizer } = this.model;
    const { beam = USUAL_BEAM, best = 1, sampling } = options;
    const { maxLength = config.data.maxLength, noRepeat = 0, unknown } = options;
    const { lengthNormalisation = 'average', coveragePenalty = 0 } = options;
    const rules = {
      ...{ end: this.#boundary, maxLength, noRepeat, lengthNormalisation, coveragePenalty },
      left: new Set(unknown === 'avoid' ? [0, tokenizer.emptyToken] : [0]),
      wanted: best,
      keepsAttention: options.attention === true || coveragePenalty !== 0,
    };
    return sampling
      ? new Sampling({ ...rules, ...sampling, stream: streamOf(text) })
      : new BeamSearch({ ...rules, width: Math.max(beam, best) });
  }

  #tell(
    { path, score, isCut }: Found,
    { words }: Sentence,
    options: TranslateOptions,
  ): Translation {
    const { tokenizer } = this.model;
    const steps = stepsOf(path);
    const ids = steps.slice(0, -1).map(({ token }) => token);
    // With the end, which an empty translation has, too.
    const alignment = alignmentOf(path);
    const isAligned = alignment.every((place) => place !== undefined);
    const replaces = isAligned && (options.unknown ?? 'replace') === 'replace';
    const replacements = ids.map((id, i) =>
      replaces && isUnknown(tokenizer, id) ? words[alignment[i]!] : undefined,
    );
    return {
      text: join(tokenizer, ids, replacements),
      ...{ logProbability: path.logProbability, score, isCut },
      tokens: ids.map((id, i) => replacements[i] ?? this.#texts.of(id)),
      ...(isAligned && { alignment: alignment.slice(0, -1) }),
      ...(options.attention === true &&
        isAligned && { attention: steps.map(({ look }) => Array.from(look!.attention!)) }),
    };
  }
}

/** Text of tokens, with others in the place of some: what is between them is put there by the tokenizer. */
function join(
  tokenizer: Tokenizer,
  ids: readonly number[],
  replacements: readonly (string | undefined)[],
): string {
  const parts: string[] = [];
  let start = 0;
  for (const [i, replacement] of replacements.entries()) {
    if (replacement === undefined) continue;
    if (i > start) parts.push(tokenizer.decode(ids.slice(start, i)));
    parts.push(replacement);
    start = i + 1;
  }
  if (start < ids.length) parts.push(tokenizer.decode(ids.slice(start)));
  return parts.join(tokenizer.separator);
}
