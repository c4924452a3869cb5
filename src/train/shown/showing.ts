import type { Config } from '../../config/schema.js';
import type { Engine } from '../../compute/engine.js';
import type { BatchSource } from '../../data/batches/batches.js';
import type { Corpus } from '../../data/store/corpus.js';
import type { TokenStore } from '../../data/store/token-store.js';
import type { ConfusionEvent, HardestEvent, SampleRow, SamplesEvent } from '../../events.js';
import { taskOf } from '../../tasks/registry.js';
import type { Task } from '../../tasks/task.js';
import type { Course } from '../course.js';
import { ConfusionCounts } from './confusion-counts.js';
import { DescribedRows } from './described-rows.js';
import { RowWatch } from './row-watch.js';
import { showsAt, tokenWork, updateWork } from './sample-budget.js';
import { SamplePairs } from './sample-pairs.js';
import { sampleRows } from './samples.js';
import { WrittenTexts } from './written-texts.js';

/** What an evaluation shows beside its figures. */
export type ShownEvent = ConfusionEvent | HardestEvent | SamplesEvent;

/** What is shown of one evaluation, while it goes on and at its end. */
export interface Shown {
  /** @param batch number of the one that was evaluated last, in a slot */
  add(slot: number, batch: number): void;
  /**
   * @param translated what has been translated anyway
   * @param beforeStep what it throws ends the writing of texts
   */
  events(
    step: number,
    beforeStep: () => void,
    translated?: readonly SampleRow[],
  ): Promise<ShownEvent[]>;
}

/**
 * Shows what the model makes of the validation split: of what an evaluation computes anyway, and, seldom enough to take next to no time,
 * by texts that are written for it. Nothing of the run depends on it.
 */
export class Showing {
  readonly #task: Task;
  readonly #store: TokenStore;
  /** Evenly spread over the split. */
  readonly #samples: readonly number[];
  readonly #writer: WrittenTexts | SamplePairs | undefined;
  readonly #work: { writing: number; update: number };

  /** @param training batches that steps take */
  constructor(
    private readonly engine: Engine,
    config: Config,
    private readonly corpus: Corpus,
    private readonly source: BatchSource,
    training: Pick<BatchSource, 'stepsPerEpoch'>,
    private readonly course: Pick<Course, 'everySteps' | 'totalSteps'>,
  ) {
    const task = (this.#task = taskOf(config.task));
    const store = (this.#store = corpus.validation!);
    this.#samples = sampleRows(store.rows);
    if (task.rows === 'joined') {
      this.#writer = new WrittenTexts(engine, config, corpus, store);
    } else if (task.gives === 'pairs' && config.train.evaluateTranslations === null) {
      this.#writer = new SamplePairs(engine, corpus, store, this.#samples);
    }
    const work = tokenWork(engine.handle.sizes.shape);
    const perBatch = (tokens: number): number => tokens / training.stepsPerEpoch;
    this.#work = {
      writing: this.#writer?.work(work) ?? 0,
      update: updateWork(
        work,
        config.train.accumulate,
        perBatch(corpus.train.tokens),
        perBatch(corpus.train.source?.tokens ?? 0),
      ),
    };
  }

  begin(): Shown {
    const { engine, corpus } = this;
    const { rows: dealt, target, per } = this.#task;
    const watch =
      dealt === 'apart' ? new RowWatch(engine, this.#samples, this.source.maxRows) : undefined;
    const { labels } = corpus.manifest.statistics.train;
    const confusion = target === 'class' ? new ConfusionCounts(corpus.classes, labels) : undefined;
    return {
      add(slot, batch) {
        watch?.add(slot, batch);
        confusion?.add(engine.compared(slot), per === 'token');
      },
      events: async (step, beforeStep, translated) => {
        const about = { step, split: 'validation' };
        const events: ShownEvent[] = [];
        if (confusion) {
          const { classes, counts } = confusion;
          events.push({ type: 'confusion', ...about, classes, counts });
        }
        const described = watch && new DescribedRows(this.#task, corpus, this.#store);
        if (described) {
          const rows = await described.describe(watch.hardest);
          events.push({ type: 'hardest', ...about, rows });
        }
        const rows =
          translated ??
          (this.#task.target === 'next token'
            ? await this.#write(step, beforeStep)
            : await described!.describe(watch!.asked));
        if (rows && rows.length > 0) {
          events.push({ type: 'samples', ...about, rows: [...rows] });
        }
        return events;
      },
    };
  }

  async #write(step: number, beforeStep: () => void): Promise<SampleRow[] | undefined> {
    if (!this.#writer || !showsAt(step, this.#work, this.course)) return undefined;
    return this.#writer.write(beforeStep);
  }
}
