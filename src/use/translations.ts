import type { NamedConfig } from '../config/load.js';
import { describeValue } from '../config/expectation.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import { UserError } from '../errors.js';
import type { NetworkShape } from '../model/shape.js';
import { taskOf } from '../tasks/registry.js';
import { streamOf } from '../tensor/random.js';
import type { TranslateOptions, Translated, Translation } from '../train/trained-model.js';
import { checkTranslateOptions } from './check-options.js';
import { Decoder } from './decoder.js';
import { alignmentOf } from './decoding/alignment.js';
import { BeamSearch } from './decoding/beam.js';
import { decode } from './decoding/decode.js';
import { stepsOf } from './decoding/path.js';
import { Sampling } from './decoding/sampling.js';
import type { Found, Search } from './decoding/search.js';
import { ModelEngine, type BatchSizes } from './model-engine.js';
import { isUnknown, WrittenTokens } from './written-tokens.js';

/** What translations are made with. */
export interface TranslatingModel {
  readonly config: NamedConfig;
  readonly checkpoint: string;
  readonly tokenizer: Tokenizer;
  readonly sourceTokenizer?: Tokenizer;
}

/** Texts under way that are computed together, and sentences of which they are. */
const TEXTS_AT_ONCE = 320;
const SENTENCES_AT_ONCE = 64;

interface Sentence {
  readonly text: string;
  readonly tokens: readonly number[];
  /** What is written in the place of an unknown word that comes from there. */
  readonly words: readonly string[];
  readonly unread: number;
}

/** A translator's texts: many at a time, each translated as it would be alone. */
export class Translations {
  readonly #engine: ModelEngine;
  readonly #sizes: (rows: number) => BatchSizes;
  readonly #longestSource: number;
  /** Begins what the decoder reads, and ends what it writes: behind all tokens of the tokenizer. */
  readonly #boundary: number;
  readonly #written: WrittenTokens;

  constructor(
    private readonly model: TranslatingModel,
    shape: NetworkShape,
    workerFile?: string,
  ) {
    const { maxLength, maxSourceLength = maxLength } = model.config.data;
    this.#longestSource = maxSourceLength;
    this.#boundary = model.tokenizer.vocabularySize;
    this.#written = new WrittenTokens(model.sourceTokenizer ?? model.tokenizer);
    this.#sizes = (rows) => ({
      ...{ maxRows: rows, maxTokens: rows, maxSteps: 1 },
      source: { maxTokens: SENTENCES_AT_ONCE * maxSourceLength, maxSteps: maxSourceLength },
    });
    // Texts go on from step to step, and from whichever they continue.
    const decoding = { ...shape, carries: true };
    const sizes = this.#sizes(TEXTS_AT_ONCE);
    this.#engine = new ModelEngine(model.config, decoding, model.checkpoint, workerFile, sizes);
  }

  async translate(
    given: readonly unknown[],
    options: TranslateOptions = {},
  ): Promise<Translated[]> {
    checkTranslateOptions(options);
    this.#expectAttention(options);
    if (!Array.isArray(given)) {
      throw new UserError(`translate: expected a list of texts, got ${describeValue(given)}`);
    }
    const { gives, model } = taskOf(this.model.config.task);
    if (gives !== 'pairs') {
      throw new UserError(`${this.model.checkpoint} is ${model}: it does not translate`);
    }
    const sentences = Array.from(given, (text: unknown, i) => this.#read(text, i));
    const found = sentences.map((): Found[] => []);
    const { beam = 5, best = 1, sampling } = options;
    const width = sampling ? best : Math.max(beam, best);
    // Those of about the same length end at about the same time.
    const order = Array.from(sentences.keys())
      .filter((i) => sentences[i]!.tokens.length > 0)
      .sort((a, b) => sentences[a]!.tokens.length - sentences[b]!.tokens.length || a - b);
    const rows = Math.max(TEXTS_AT_ONCE, width);
    const atOnce = Math.min(SENTENCES_AT_ONCE, Math.floor(rows / width));
    for (let first = 0; first < order.length; first += atOnce) {
      const batch = order.slice(first, first + atOnce);
      await this.#engine.take(
        async (engine) => {
          const searches = batch.map((i) => this.#search(sentences[i]!, options));
          const sources = batch.map((i) => sentences[i]!.tokens);
          await decode(searches, new Decoder(engine, sources), this.#boundary);
          batch.forEach((i, place) => (found[i] = searches[place]!.results()));
        },
        { sizes: this.#sizes(rows) },
      );
    }
    return sentences.map((sentence, i) => ({
      translations: found[i]!.map((each) => this.#tell(each, sentence, options)),
      sourceTokens: [...sentence.words],
      unread: sentence.unread,
    }));
  }

  /** @throws UserError for options that ask where the model looks, if it looks nowhere */
  #expectAttention({ attention, coveragePenalty = 0, unknown }: TranslateOptions): void {
    if (this.model.config.model.attention?.kind !== 'none') return;
    const asked = {
      attention,
      coveragePenalty: coveragePenalty > 0,
      unknown: unknown === 'replace',
    };
    const [name] = Object.entries(asked).find(([, isAsked]) => isAsked) ?? [];
    if (name === undefined) return;
    throw new UserError(
      `translate: ${name}: ${this.model.checkpoint} attends to no word of the source (model.attention.kind none)`,
    );
  }

  #read(text: unknown, index: number): Sentence {
    if (typeof text !== 'string') {
      throw new UserError(
        `translate: expected text ${index} to be a string, got ${describeValue(text)}`,
      );
    }
    const { tokenizer, sourceTokenizer = tokenizer, config } = this.model;
    const all = sourceTokenizer.encode(text);
    const unread = Math.max(0, all.length - this.#longestSource);
    const start = config.data.truncate === 'post' ? 0 : unread;
    const cut = <T>(list: readonly T[]): T[] => list.slice(start, start + this.#longestSource);
    return { text, tokens: cut(all), words: cut(this.#written.of(text, all)), unread };
  }

  #search({ text }: Sentence, options: TranslateOptions): Search {
    const { config, tokenizer } = this.model;
    const { beam = 5, best = 1, sampling } = options;
    const { maxLength = config.data.maxLength, noRepeat = 0, unknown } = options;
    const { lengthNormalisation = 'average', coveragePenalty = 0 } = options;
    const rules = {
      ...{ end: this.#boundary, maxLength, noRepeat, lengthNormalisation, coveragePenalty },
      left: new Set(unknown === 'avoid' ? [0, tokenizer.emptyToken] : [0]),
      wanted: best,
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
      tokens: ids.map((id, i) => replacements[i] ?? tokenizer.decode([id])),
      ...(isAligned && { alignment: alignment.slice(0, -1) }),
      ...(options.attention === true &&
        isAligned && { attention: steps.map(({ attention }) => Array.from(attention!)) }),
    };
  }

  close(): Promise<void> {
    return this.#engine.close();
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
