import type { Config } from '../config/schema.js';
import { rowsOfBatches } from '../data/batches/batches.js';
import { BatchStreams } from '../data/batches/batch-streams.js';
import type { Corpus } from '../data/store/corpus.js';
import { UserError } from '../errors.js';
import { HEADER, type BatchLayout } from '../model/batch/batch-layout.js';
import { countSquares } from '../model/weights/parameters.js';
import type { StepResult } from '../model/batch/step-results.js';
import type { Signal } from '../model/signal.js';
import type { Engine } from '../compute/engine.js';
import { trainingOptions } from './evaluation.js';
import type { TrainListener } from '../events.js';

/** Rows of a batch that a message names. */
const ROWS_NAMED = 3;

/**
 * Watches for steps whose loss or gradient is not finite. Such a step has changed nothing; several in a row mean
 * that the run is lost.
 */
export class BadSteps {
  #inARow = 0;
  /** Of the update under way. */
  #fault: string | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly corpus: Pick<Corpus, 'train' | 'trainSources' | 'sources' | 'tokenizer'>,
    private readonly config: Config,
    private readonly listener: TrainListener,
  ) {}

  /**
   * Finds out what is wrong with a batch that no update can follow from.
   *
   * @param batch its number, from 0
   * @param slot where it lies
   */
  async watch(result: StepResult, batch: number, slot: number): Promise<void> {
    if (result.applied || this.#fault !== undefined) return;
    const { lossSum, gradNorm } = result;
    const what = Number.isFinite(lossSum) ? `gradient norm (${gradNorm})` : `loss (${lossSum})`;
    this.#fault = `its ${what} is not finite on ${await this.#nameRows(batch, slot)}; ${this.#nameParameter(slot)}`;
  }

  /**
   * @param step number of the update whose batches have been watched, from 0
   * @throws UserError when this was one bad step too many
   */
  check(step: number): void {
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault === undefined) {
      this.#inARow = 0;
      return;
    }
    const { maxBadSteps } = this.config.train;
    if (++this.#inARow < maxBadSteps) {
      const message = `Step ${step + 1} was not applied: ${fault}.`;
      this.listener({ type: 'notice', message });
      return;
    }
    throw new UserError(
      `${maxBadSteps === 1 ? 'A step was' : `${maxBadSteps} steps in a row were`} not applied, last step ${step + 1}: ${fault}; ` +
        'lower train.optimizer.learningRate or set train.clipNorm; checkpoints written before are kept',
    );
  }

  /** The parameter at fault: one that is not finite itself, or else the first one on the gradient's way down. */
  #nameParameter(slot: number): string {
    const { heap, plan } = this.engine;
    const spoilt = plan.parameters.find(({ value }) => !heap.flat(value).every(Number.isFinite));
    if (spoilt) return `${spoilt.name} itself holds values that are not finite`;
    const layout = this.engine.layout(slot);
    const first = plan.parameters.toReversed().find((parameter) => {
      const { gradientKind, squares } = parameter;
      if (squares === undefined) return false;
      // Behind the batch's own tokens stand those of batches before.
      const distinct = 'stream' in gradientKind ? countDistinct(layout, gradientKind) : 0;
      const used = heap.flatDoubles(squares).subarray(0, countSquares(parameter, distinct));
      return !used.every(Number.isFinite);
    });
    return first === undefined
      ? 'every gradient is finite'
      : `the first gradient that is not finite is that of ${first.name}`;
  }

  /** Where the rows at fault come from: those whose own loss is not finite, or else the whole batch. */
  async #nameRows(batch: number, slot: number): Promise<string> {
    const rows = this.#badRows(slot);
    const { train } = this.corpus;
    const options = trainingOptions(this.config, this.corpus);
    if (options.rows === 'joined') {
      const streams = new BatchStreams(train.tokens, options);
      const tokens = rows.map((row) => streams.tokenOf(batch, row) + 1);
      return listRows(tokens.map((token) => `the text from token ${token}`));
    }
    const stored = await rowsOfBatches(train, options).of(batch);
    const named = rows.slice(0, ROWS_NAMED).map(async (row) => {
      const place = await train.locate(stored[row]!);
      return `row ${place.row} of ${this.corpus.sources[place.source]!}`;
    });
    return listRows(await Promise.all(named), rows.length);
  }

  /** Rows of the batch, as they were read, that hold a loss that is not finite; all rows when there is none. */
  #badRows(slot: number): number[] {
    const { heap, plan } = this.engine;
    const layout = this.engine.layout(slot);
    const losses = heap.flat(plan.loss.losses);
    const rows = Array.from({ length: layout.header[HEADER.rows]! }, (_, k) => k);
    const { rowStart, tokenPlaces } = layout;
    const bad = rows.filter((row) => {
      if (plan.top.per === 'row') return !Number.isFinite(losses[row]);
      const places = tokenPlaces.subarray(rowStart[row], rowStart[row + 1]);
      return !places.every((place) => Number.isFinite(losses[place]));
    });
    return (bad.length > 0 ? bad : rows).map((k) => layout.rowSource[k]!);
  }
}

/** Distinct tokens of a batch or of its source, stream 0, or distinct values of a feature. */
function countDistinct(
  batch: BatchLayout,
  { stream, of }: { readonly stream: number; readonly of?: Signal['of'] },
): number {
  const layout = of === 'source' ? batch.source! : batch;
  const { distinctRange } = stream === 0 ? layout : layout.features[stream - 1]!;
  return distinctRange[1]!;
}

function listRows(names: readonly string[], count = names.length): string {
  const named = names.slice(0, ROWS_NAMED).join(', ');
  return count > ROWS_NAMED ? `${named} and ${count - ROWS_NAMED} more of the batch` : named;
}
