import { RowEncoder } from '../data/batches/encode-row.js';
import { columnsOf } from '../data/features/features.js';
import { BpeTokenizer } from '../data/tokenizers/bpe.js';
import type { CheckedTokenizer } from '../data/tokenizers/bpe-json.js';
import { plainTokenizerFromJson } from '../data/tokenizers/plain-kinds.js';
import type { SerializedTokenizer } from '../data/tokenizers/serialized.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import { Translator } from '../decoding/translator.js';
import { UserError } from '../errors.js';
import {
  checkGenerateOptions,
  checkOptions,
  checkTranslateOptions,
  type Option,
  type Options,
} from '../use/check-options.js';
import { describeEmbeddings, Embeddings, expectEmbeddings } from '../use/embeddings.js';
import { generateText } from '../use/generation.js';
import { RowBatches } from '../use/row-batches.js';
import { copySentences, copyTexts } from '../use/sentences.js';
import { tagSentences } from '../use/tagging.js';
import { expectAttention } from '../use/translate-checks.js';
import { FORMAT, SENTENCES_AT_ONCE, type ModelDescription } from './description.js';
import { readBytes, readKernels } from './files.js';
import { parseModelFile } from './model-file.js';
import type * as face from './public.js';
import { WebEngine, type CopyWeight } from './web-engine.js';

/** The entry of the module that exported models come with. */

export type * from './public.js';

const source: Option = {
  expected: 'an address or bytes',
  fits: (value) =>
    typeof value === 'string' ||
    value instanceof URL ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value),
};

const loadOptions: Options<face.LoadOptions> = {
  model: source,
  kernels: {
    expected: `${source.expected}, or an object with what is compiled`,
    fits: (value) =>
      source.fits(value) || (typeof value === 'object' && value !== null && 'compiled' in value),
  },
};

export const loadModel: typeof face.loadModel = async (options = {}) => {
  checkOptions('loadModel', options, loadOptions, 'options with a model or kernels');
  const { model, kernels } = options;
  const [{ bytes, name }, compiled] = await Promise.all([
    readBytes(model, 'model.safetensors'),
    readKernels(kernels, 'lockstep.wasm'),
  ]);
  const { description, copy } = parseModelFile(bytes, name);
  if (description.format !== FORMAT) {
    throw new UserError(
      `${name} was exported for another version of this module: export the run again, with all files`,
    );
  }
  const loaded = new WebModel(description, compiled, copy);
  await loaded.prepare();
  return loaded;
};

class WebModel implements face.Model {
  readonly name: string;
  readonly call: face.Model['call'];
  readonly classes: readonly string[];
  readonly isMultiLabel: boolean;
  readonly columns: readonly (string | number)[];
  readonly #description: ModelDescription;
  readonly #tokenizer: Tokenizer;
  readonly #encoder: RowEncoder;
  readonly #engine: WebEngine;
  readonly #rows: RowBatches;
  readonly #translator?: Translator;
  readonly #openEmbeddings: () => Embeddings;
  #embeddings: Embeddings | undefined;

  constructor(description: ModelDescription, kernels: WebAssembly.Module, copy: CopyWeight) {
    const { task, features, sourceTokenizer, sizes, config } = description;
    this.#description = description;
    this.name = description.name;
    this.call = task.call;
    this.classes = Object.freeze([...description.classes]);
    this.isMultiLabel = task.target === 'labels';
    this.columns = columnsOf(features);
    this.#tokenizer = openTokenizer(description.tokenizer);
    this.#encoder = new RowEncoder(this.#tokenizer, features);
    this.#engine = new WebEngine(kernels, sizes, copy);
    this.#rows = new RowBatches(this.#engine);
    // On an engine of its own, made when it is first asked for.
    this.#openEmbeddings = () => {
      const { shape, head, width } = describeEmbeddings(sizes.shape);
      const engine = new WebEngine(kernels, { ...sizes, shape }, (parameter, to) => {
        if (parameter === head.weight) to.set(head.values);
        else copy(parameter, to);
      });
      const model = {
        ...{ task, encoder: this.#encoder, columns: this.columns, limits: config.data },
        ...{ longestRow: config.train.sequenceLength, emptyToken: this.#tokenizer.emptyToken },
      };
      return new Embeddings(model, engine, width);
    };
    if (sizes.source) {
      this.#translator = new Translator(
        {
          config,
          tokenizer: this.#tokenizer,
          sourceTokenizer: sourceTokenizer && openTokenizer(sourceTokenizer),
        },
        [this.#engine],
        { sentences: SENTENCES_AT_ONCE },
      );
    }
  }

  prepare(): Promise<void> {
    return this.#engine.prepare();
  }

  classify(texts: readonly string[]): Promise<Float32Array[]> {
    return this.#computeRows('classify', texts, this.classes.length);
  }

  async regress(texts: readonly string[]): Promise<number[]> {
    const found = await this.#computeRows('regress', texts, 1);
    return found.map(([number]) => number!);
  }

  async #computeRows(
    call: face.Model['call'],
    texts: readonly string[],
    outputs: number,
  ): Promise<Float32Array[]> {
    this.#expectUse(call);
    const given = copyTexts(call, texts);
    const results = given.map(() => new Float32Array(outputs));
    await this.#rows.compute({
      count: given.length,
      encode: (row) => this.#encoder.encodeRow(given[row]!, this.#description.config.data),
      placeFor: (row) => results[row]!,
    });
    return results;
  }

  async tag(sentences: readonly face.Sentence[]): Promise<string[][]> {
    this.#expectUse('tag');
    const { maxLength } = this.#description.config.data;
    const model = { rows: this.#rows, encoder: this.#encoder, classes: this.classes, maxLength };
    return tagSentences(model, copySentences(sentences, this.columns));
  }

  async embed(inputs: readonly (string | face.Sentence)[]): Promise<Float32Array[]> {
    expectEmbeddings(this.#description.task, this.name);
    return (this.#embeddings ??= this.#openEmbeddings()).embed(inputs);
  }

  async translate(
    texts: readonly string[],
    options: face.TranslateOptions = {},
  ): Promise<face.Translated[]> {
    checkTranslateOptions(options);
    this.#expectUse('translate');
    expectAttention({ config: this.#description.config, checkpoint: this.name }, options);
    return this.#translator!.translate(copyTexts('translate', texts), { ...options });
  }

  async *generate(options: face.GenerateOptions): AsyncGenerator<string, void, undefined> {
    this.#expectUse('generate');
    checkGenerateOptions(options);
    const { config, undrawn } = this.#description;
    const model = {
      ...{ name: this.name, tokenizer: this.#tokenizer, encoder: this.#encoder },
      ...{ rows: this.#rows, sequenceLength: config.train.sequenceLength, left: new Set(undrawn) },
    };
    yield* generateText(model, { ...options });
  }

  /** @throws UserError where the model is for another use */
  #expectUse(call: face.Model['call']): void {
    const { model, does, call: own } = this.#description.task;
    if (own === call) return;
    throw new UserError(`${this.name} is ${model}: it ${does}, it does not ${call}`);
  }
}

function openTokenizer(json: SerializedTokenizer): Tokenizer {
  // It was checked when it was exported.
  return json.kind === 'bpe'
    ? new BpeTokenizer(json, json.tokenizer as CheckedTokenizer)
    : plainTokenizerFromJson(json);
}
