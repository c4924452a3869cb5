import type { BatchSizes, HostBatch } from '../data/batches/batch-source.js';
import type { EncodedTokens } from '../data/batches/encode-row.js';
import { describeNetwork } from '../model/graph/describe.js';
import { SLOT } from '../model/sizes.js';
import { createHostBatch } from '../compute/batch-feed.js';
import { putState, takeState, type CarriedState } from '../compute/carried-state.js';
import type { Engine } from '../compute/engine.js';
import type { ModelEngine } from './model-engine.js';

/** Tokens of a row, and of what it is made from where that is a text, too. */
interface EncodedRow extends EncodedTokens {
  readonly source?: readonly number[];
}

/** Rows that one caller wants computed. */
export interface Rows {
  readonly count: number;
  /** Tokens of a row, and of a pair those of its source; asked for once, when its turn comes. */
  encode(row: number): EncodedRow;
  /** What a language model's row starts from, and then what it has ended with. */
  readonly state?: CarriedState;
  /** Where a row's probabilities go: of the classes, or of the token behind its last; or its number. */
  placeFor?(row: number): Float32Array;
  /** Where what is told of each of its tokens goes. */
  tokenPlacesFor?(row: number): readonly Float32Array[];
  /** Where the class of each of its tokens goes. */
  classesFor?(row: number): Int32Array;
  /** Where rows are compared: the class of a row, or of each of its tokens the one that follows or its class. */
  targets?(row: number): readonly number[];
  /** Where −ln p of each of its targets goes. */
  lossesFor?(row: number): Float64Array;
}

/** Lends its engine to one task at a time. */
export type RowEngine = Pick<ModelEngine, 'rowSizes' | 'shape' | 'take'>;

interface WaitingCall {
  readonly rows: Rows;
  /** The row that is next in line, and its tokens if it has been looked at. */
  next: number;
  encoded: EncodedRow | undefined;
  /** Rows that have no result yet. */
  left: number;
  resolve(): void;
  reject(error: unknown): void;
}

interface TakenRow {
  readonly call: WaitingCall;
  readonly row: number;
}

/**
 * Computes rows for any number of callers at once. Whatever rows wait when the engine becomes free are computed together,
 * one of each caller in turn, so that a caller with many does not keep out one with few. Rows do not see each other: each
 * gets the bits that it would get alone. Nobody waits for company: where nothing is under way a call begins at once.
 */
export class RowBatches {
  readonly #batch: HostBatch;
  /** Whether a row has a target, or each of its tokens. */
  readonly #byRow: boolean;
  #waiting: WaitingCall[] = [];
  #isRunning = false;

  /**
   * @param mode `evaluate` compares rows with their targets
   * @param sizes of the batches
   * @param onBatch hears how many rows are computed together
   */
  constructor(
    private readonly engine: RowEngine,
    private readonly mode: 'predict' | 'evaluate' = 'predict',
    private readonly sizes: BatchSizes = engine.rowSizes,
    private readonly onBatch?: (rows: number) => void,
  ) {
    const { top, targetWords } = describeNetwork(engine.shape);
    this.#batch = createHostBatch(sizes, engine.shape.features, targetWords);
    this.#byRow = top.per === 'row';
  }

  /** Resolves when all rows have been computed. */
  compute(rows: Rows): Promise<void> {
    if (rows.count === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const left = rows.count;
      this.#waiting.push({ rows, next: 0, encoded: undefined, left, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) await this.#computeBatch();
    this.#isRunning = false;
  }

  /** Never rejects: an error goes to the calls that it concerns. */
  async #computeBatch(): Promise<void> {
    let taken: TakenRow[] | undefined;
    try {
      const compute = async (engine: Engine): Promise<void> => {
        taken = this.#fill(engine);
        if (taken.length === 0) return;
        engine.load(SLOT.prediction, this.#batch);
        await engine[this.mode](SLOT.prediction);
        this.#handOut(engine, taken);
        this.onBatch?.(taken.length);
      };
      await this.engine.take(compute, { sizes: this.sizes });
    } catch (error) {
      // Where there is no engine nobody can be helped.
      const concerned = taken?.map(({ call }) => call) ?? [...this.#waiting];
      for (const call of concerned) this.#fail(call, error);
    }
  }

  /** Fills the batch with rows that wait, while there is room. */
  #fill(engine: Engine): TakenRow[] {
    const taken: TakenRow[] = [];
    while (taken.length < this.sizes.maxRows) {
      const call = this.#waiting.shift();
      if (call === undefined) break;
      try {
        if (!this.#place(engine, call, taken.length)) {
          this.#waiting.unshift(call);
          break;
        }
      } catch (error) {
        // Nobody else's row lies where this one was to lie.
        this.#fail(call, error);
        continue;
      }
      taken.push({ call, row: call.next });
      call.encoded = undefined;
      call.next++;
      if (call.next < call.rows.count) this.#waiting.push(call);
    }
    this.#batch.rows = taken.length;
    return taken;
  }

  /** Puts a call's next row into the batch, as its row `place`. @returns false where there is no room */
  #place(engine: Engine, call: WaitingCall, place: number): boolean {
    const { maxTokens, source: ofSource } = this.sizes;
    const batch = this.#batch;
    const { rows, next } = call;
    call.encoded ??= rows.encode(next);
    const start = batch.rowStart[place]!;
    const { tokens, features, source = [] } = call.encoded;
    const end = start + tokens.length;
    const sourceStart = batch.source?.rowStart[place] ?? 0;
    const sourceEnd = sourceStart + source.length;
    if (end > maxTokens || sourceEnd > (ofSource?.maxTokens ?? 0)) return false;
    batch.tokens.set(tokens, start);
    features.forEach((numbers, feature) => {
      batch.features![feature]!.set(numbers, start * (numbers.length / tokens.length));
    });
    batch.rowStart[place + 1] = end;
    batch.source?.tokens.set(source, sourceStart);
    if (batch.source) batch.source.rowStart[place + 1] = sourceEnd;
    this.#setTargets(rows.targets?.(next), place, start);
    if (rows.state) putState(engine, SLOT.prediction, place, rows.state);
    return true;
  }

  /** @param start of the row's tokens */
  #setTargets(targets: readonly number[] | undefined, row: number, start: number): void {
    if (targets === undefined) return;
    if (this.#byRow) this.#batch.labels.set(targets, row);
    else this.#batch.targets.set(targets, start);
  }

  #handOut(engine: Engine, taken: readonly TakenRow[]): void {
    const { rowSource, rowStart, tokenPlaces } = engine.layout(SLOT.prediction);
    const { predicted } = engine.compared(SLOT.prediction);
    const { crossEntropies } = engine;
    for (let k = 0; k < taken.length; k++) {
      const source = rowSource[k]!;
      const { call, row } = taken[source]!;
      const last = tokenPlaces[rowStart[k + 1]! - 1]!;
      const place = call.rows.placeFor?.(row);
      if (place) engine.probabilities(this.#byRow ? k : last, place);
      call.rows.tokenPlacesFor?.(row).forEach((out, token) => {
        engine.probabilities(tokenPlaces[rowStart[k]! + token]!, out);
      });
      call.rows.classesFor?.(row).forEach((_, token, classes) => {
        classes[token] = predicted[tokenPlaces[rowStart[k]! + token]!]!;
      });
      call.rows.lossesFor?.(row).forEach((_, target, losses) => {
        losses[target] = crossEntropies[this.#byRow ? k : tokenPlaces[rowStart[k]! + target]!]!;
      });
      if (call.rows.state) takeState(engine, SLOT.prediction, source, call.rows.state);
      call.left--;
      if (call.left === 0) call.resolve();
    }
  }

  #fail(call: WaitingCall, error: unknown): void {
    this.#waiting = this.#waiting.filter((other) => other !== call);
    call.reject(error);
  }
}
