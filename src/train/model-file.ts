import { chooseBackend } from '../backend/select.js';
import type { NamedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { encodeRow } from '../data/encode-row.js';
import type { TokenStore } from '../data/token-store.js';
import { streamText } from '../data/tokenizers/text-stream.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import { UserError } from '../errors.js';
import { SLOT } from '../model/plan.js';
import { PURPOSE, uniform } from '../tensor/random.js';
import { createHostBatch } from './batch-feed.js';
import { loadModel } from './checkpoint.js';
import { allocateEngine, Engine } from './engine.js';
import { evaluate, evaluationBatches, type Evaluation } from './evaluation.js';
import { createWorkerPool, type WorkerPool } from './pool.js';
import { verifyCheckpoint, type RunState } from './run-state.js';
import { findCheckpoint } from './find-checkpoint.js';
import { networkShape, networkSizes } from './sizes.js';
import type { Vocabulary } from './vocabulary-file.js';

export interface OpenOptions {
  /** `best` (the default), `latest`, or the name of a checkpoint. */
  checkpoint?: string;
  workers?: number;
  backend?: Config['backend'];
}

export interface GenerateOptions {
  prompt: string;
  /** Tokens to draw. */
  length: number;
  /** Divides the logits: below 1 bolder towards the likely, 0 always the most likely. */
  temperature: number;
  /** Draws among this many most likely tokens; 0 for all. */
  topK: number;
  seed: number;
}

/** Rows that are classified together. */
const ROWS_AT_ONCE = 64;

/**
 * Opens a trained model.
 *
 * @param run directory of a run, or of one of its checkpoints
 * @throws UserError when there is no whole checkpoint
 */
export async function openModel(run: string, options: OpenOptions = {}): Promise<TrainedModel> {
  const found = await findCheckpoint(run, options.checkpoint);
  const state = await verifyCheckpoint(found.checkpoint);
  const overrides = [
    ...(options.workers === undefined ? [] : [`workers=${options.workers}`]),
    ...(options.backend === undefined ? [] : [`backend=${options.backend}`]),
  ];
  const config = await found.run.readConfig(overrides);
  const vocabulary = await found.run.readVocabulary(state);
  return new TrainedModel(config, vocabulary, state, found.checkpoint);
}

/** A model for use: every call spreads its work over the workers. Calls must not overlap. */
export class TrainedModel {
  readonly tokenizer: Tokenizer;
  readonly classes: readonly string[];
  readonly step: number;
  /** Fingerprint of the corpus that it was trained on. */
  readonly corpus: string;
  #engine: { engine: Engine; pool: WorkerPool } | undefined;

  constructor(
    readonly config: NamedConfig,
    vocabulary: Vocabulary,
    state: RunState,
    readonly checkpoint: string,
  ) {
    this.tokenizer = vocabulary.tokenizer;
    this.classes = vocabulary.classes;
    this.step = state.step;
    this.corpus = state.corpus;
  }

  /** Class probabilities of each text, in the order of `classes`. */
  async classify(texts: readonly string[]): Promise<Float32Array[]> {
    if (this.config.task !== 'classify') {
      throw new UserError(
        `${this.checkpoint} is a language model: it generates, it does not classify`,
      );
    }
    const { maxLength } = this.config.data;
    const engine = await this.#fit(ROWS_AT_ONCE, ROWS_AT_ONCE * maxLength, maxLength);
    const batch = createHostBatch(engine.handle.sizes);
    const results: Float32Array[] = [];
    for (let first = 0; first < texts.length; first += ROWS_AT_ONCE) {
      const rows = texts.slice(first, first + ROWS_AT_ONCE);
      batch.rows = rows.length;
      rows.forEach((text, row) => {
        const tokens = encodeRow(this.tokenizer, text, this.config.data);
        const start = batch.rowStart[row]!;
        batch.tokens.set(tokens, start);
        batch.rowStart[row + 1] = start + tokens.length;
      });
      engine.load(SLOT.evaluation, batch);
      await engine.predict(SLOT.evaluation);
      const { rowSource } = engine.layout(SLOT.evaluation);
      for (let k = 0; k < rows.length; k++) {
        const probabilities = new Float32Array(this.classes.length);
        engine.probabilities(k, probabilities);
        results[first + rowSource[k]!] = probabilities;
      }
    }
    return results;
  }

  /** Loss and accuracy over a token store that was prepared with this model's vocabulary. */
  async evaluate(store: TokenStore): Promise<Evaluation> {
    const source = evaluationBatches(this.config, store);
    const engine = await this.#fit(source.maxRows, source.maxTokens, source.maxSteps);
    return evaluate(engine, source);
  }

  /** Draws tokens one after the other and yields their text; the same seed draws the same text. */
  async *generate(options: GenerateOptions): AsyncGenerator<string, void, undefined> {
    if (this.config.task !== 'language-model') {
      throw new UserError(
        `${this.checkpoint} is a classifier: it predicts classes, it does not generate`,
      );
    }
    const { sequenceLength } = this.config.train;
    const engine = await this.#fit(1, sequenceLength, sequenceLength);
    const batch = createHostBatch(engine.handle.sizes);
    const probabilities = new Float32Array(engine.handle.sizes.shape.outputs);
    let slot: number = SLOT.evaluation;
    engine.clearState(slot);
    const read = async (tokens: readonly number[]): Promise<void> => {
      for (let at = 0; at < tokens.length; at += sequenceLength) {
        const chunk = tokens.slice(at, at + sequenceLength);
        batch.rows = 1;
        batch.tokens.set(chunk);
        batch.rowStart[1] = chunk.length;
        engine.load(slot, batch);
        await engine.predict(slot);
        engine.probabilities(chunk.length - 1, probabilities);
        // The other slot's batch starts from the state that this one's leaves.
        slot ^= 1;
      }
    };
    const prompt = this.tokenizer.encode(options.prompt);
    await read(prompt.length > 0 ? prompt : [this.tokenizer.emptyToken]);
    const textOf = streamText(this.tokenizer, options.prompt);
    for (let index = 0; index < options.length; index++) {
      const token = draw(probabilities, options, index);
      yield textOf(token);
      if (index + 1 < options.length) await read([token]);
    }
  }

  async close(): Promise<void> {
    await this.#engine?.pool.close();
    this.#engine = undefined;
  }

  /** An engine that holds batches of these sizes: the one there is, or a larger one. */
  async #fit(maxRows: number, maxTokens: number, maxSteps: number): Promise<Engine> {
    const has = this.#engine?.engine.handle.sizes;
    if (
      this.#engine &&
      has &&
      has.maxRows >= maxRows &&
      has.maxTokens >= maxTokens &&
      has.maxSteps >= maxSteps
    ) {
      return this.#engine.engine;
    }
    await this.close();
    const shape = networkShape(this.config, this.tokenizer.vocabularySize, this.classes);
    const sizes = networkSizes(this.config, shape, [{ maxRows, maxTokens, maxSteps }], false);
    const handle = allocateEngine(chooseBackend(this.config.backend).kind, sizes);
    const pool = createWorkerPool(handle, () => undefined);
    const engine = new Engine(handle, pool.runStage);
    this.#engine = { engine, pool };
    await loadModel(engine, this.checkpoint);
    await engine.packWeights();
    return engine;
  }
}

/** Draws a token id; id 0, padding, is never drawn. */
function draw(
  probabilities: Float32Array,
  { temperature, topK, seed }: GenerateOptions,
  index: number,
): number {
  const ids = Array.from(probabilities.keys()).slice(1);
  ids.sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  if (temperature === 0) return ids[0]!;
  const kept = topK > 0 ? ids.slice(0, topK) : ids;
  // By the likeliest: powers of small probabilities would all be 0.
  const highest = probabilities[kept[0]!]!;
  const weights = kept.map((id) => (probabilities[id]! / highest) ** (1 / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let rest = uniform(seed, PURPOSE.sampling, 0, index) * total;
  for (const [place, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return kept[place]!;
  }
  return kept.at(-1)!;
}
