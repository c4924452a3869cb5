import type { BpeConfig } from './options.js';
import type { BpeTokenizer } from './bpe.js';
import { bpeFromJson, loadBpeTokenizer } from './bpe-file.js';
import { sampleTexts } from './bpe-sample.js';
import { createNormalizer, createWordCutter, type WordCutter } from './bpe-steps.js';
import { trainMerges } from './bpe-trainer.js';
import type { SerializedBpe } from './serialized.js';
import type { TokenCounts } from './tokenizer.js';
import { WordTable } from './word-table.js';

/** How our own tokenizers cut a text into words. */
function trainingSteps({ lowerCase }: BpeConfig) {
  return {
    normalizer: lowerCase ? { type: 'Lowercase' } : null,
    pre_tokenizer: {
      type: 'ByteLevel',
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    },
  };
}

/** Counts the words in which pairs will be merged; `counts` is made anew at every look. */
export class BpeCounter {
  readonly #words = new WordTable();
  readonly #counts: number[] = [];
  readonly #normalize: (text: string) => string;
  readonly #cutter: WordCutter;

  constructor(config: BpeConfig) {
    const { normalizer, pre_tokenizer } = trainingSteps(config);
    this.#normalize = createNormalizer(normalizer);
    this.#cutter = createWordCutter(pre_tokenizer);
  }

  add(text: string): void {
    const counts = this.#counts;
    this.#cutter.split(this.#normalize(text), (bytes, start, end) => {
      const index = this.#words.add(bytes, start, end);
      if (index === counts.length) counts.push(1);
      else counts[index]! += 1;
    });
  }

  cut(text: string): number {
    return this.#cutter.cut(text);
  }

  get counts(): TokenCounts {
    return new Map(this.#counts.map((count, index) => [this.#words.word(index), count]));
  }
}

/** Learns merges until the vocabulary has `vocabularySize` ids, padding included, or no pair is left. */
export function trainBpeTokenizer(config: BpeConfig, counts: TokenCounts): BpeTokenizer {
  const { tokens, merges } = trainMerges(counts, config.vocabularySize - 1);
  return bpeFromJson({
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [],
      ...trainingSteps(config),
      post_processor: null,
      decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges,
      },
    },
  });
}

/**
 * Learns a tokenizer from a stream of texts, or from an even sample of them (`trainBytes`), or takes
 * it from its file. The same texts in the same order give the same tokenizer.
 *
 * @throws UserError for a file that cannot be used.
 */
export async function trainBpe(
  texts: AsyncIterable<string>,
  config: BpeConfig,
): Promise<SerializedBpe> {
  if (config.file !== undefined) return loadBpeTokenizer(config.file).toJSON();
  const counter = new BpeCounter(config);
  const sample = await sampleTexts(texts, config.trainBytes, (text) => counter.cut(text));
  for (const text of sample) counter.add(text.toString());
  return trainBpeTokenizer(config, counter.counts).toJSON();
}
