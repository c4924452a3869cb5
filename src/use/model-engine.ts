import { chooseBackend } from '../backend/select.js';
import type { Config } from '../config/schema.js';
import { type BatchSizes, holdsAll } from '../data/batches/batch-source.js';
import { recurrencesOf } from '../model/graph/describe.js';
import type { NetworkShape } from '../model/graph/shape.js';
import { chooseTeams } from '../model/work/teams.js';
import { setWeights, type Weights } from '../checkpoint/weights.js';
import { Engine } from '../compute/engine.js';
import { allocateEngine } from '../compute/allocate-engine.js';
import { networkSizes, workerCount } from '../compute/sizes.js';
import { TaskFailure } from '../compute/task-failure.js';
import { AT_ONCE, sizesOfRows } from './row-sizes.js';
import { StageRunners } from './stage-runners.js';
import { Turns } from './turns.js';

/**
 * The engine that all calls of a trained model share, in turns. It is made when it is first needed, made larger when a
 * store needs larger batches, and made anew after a failure, so that the next call finds one that works.
 */
export class ModelEngine {
  /** Batches of callers' own rows: every engine holds these. */
  readonly rowSizes: BatchSizes;
  /** The same of language models, too, whose texts come one by one as a rule. */
  readonly manyRows: BatchSizes;
  readonly #turns = new Turns();
  /** Undefined once closed: who keeps a closed model shall not keep its weights. */
  #weights: Weights | undefined;
  #current: { engine: Engine; runners: StageRunners } | undefined;

  /**
   * @param workerFile entry of the threads; tests bring one whose workers die
   * @param rowSizes of batches that every engine holds, where rows are not callers' own
   */
  constructor(
    private readonly config: Config,
    readonly shape: NetworkShape,
    weights: Weights,
    private readonly workerFile?: string,
    rowSizes?: BatchSizes,
  ) {
    this.#weights = weights;
    // Where sizes are told, the network may be one whose rows cannot go on, and that is never computed.
    const { manyRows, rowSizes: own } = sizesOfRows(config, shape, rowSizes && AT_ONCE);
    this.manyRows = manyRows;
    this.rowSizes = rowSizes ?? own;
  }

  /**
   * Runs a task with the engine when those before it are done, and the event loop has gone round: what has come at the same time can be
   * computed together then, and tasks that are computed by this thread keep nobody else out.
   *
   * @param engine the one that the task belongs to; else the present one
   * @param sizes that it has to hold
   */
  take<T>(
    task: (engine: Engine) => Promise<T>,
    { engine, sizes }: { engine?: Engine; sizes?: BatchSizes } = {},
  ): Promise<T> {
    return this.#turns.take(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      const used = engine ?? (await this.#fit(sizes));
      try {
        return await task(used);
      } catch (error) {
        // Its threads are beyond help; nobody else shall meet them.
        if (error instanceof TaskFailure && this.#current?.engine === used) await this.#discard();
        throw error;
      }
    });
  }

  /** Makes the engine, and starts its threads where they are to be ready, too. */
  warmUp(withThreads: boolean): Promise<void> {
    return this.take(async () => {
      if (withThreads) await this.#current?.runners.start();
    });
  }

  /** An engine that holds a store's batches, too; it stays the present one until another store's are larger. */
  fit(sizes: BatchSizes): Promise<Engine> {
    return this.#turns.take(() => this.#fit(sizes));
  }

  /** Lends an engine of its own for batches that are seldom so large, and gives its memory back: this one stays as it is for all others. */
  async lend<T>(sizes: BatchSizes, task: (engine: ModelEngine) => Promise<T>): Promise<T> {
    const own = new ModelEngine(
      this.config,
      this.shape,
      this.#expectWeights(),
      this.workerFile,
      sizes,
    );
    try {
      return await task(own);
    } finally {
      await own.close();
    }
  }

  /** For the time when no task is left. */
  async close(): Promise<void> {
    await this.#turns.take(() => this.#discard());
    this.#weights = undefined;
  }

  async #fit(store?: BatchSizes): Promise<Engine> {
    const { config, shape } = this;
    const weights = this.#expectWeights();
    if (this.#current) {
      const { engine } = this.#current;
      const has = engine.handle.sizes;
      if (!store || holdsAll(has, store)) return engine;
      await this.#discard();
    }
    // A text is generated row by row, whatever company it may find.
    const usualRows = shape.carries ? 1 : this.rowSizes.maxRows;
    const teams = chooseTeams(
      recurrencesOf(shape),
      store?.maxRows ?? usualRows,
      workerCount(config),
    );
    const sizes = networkSizes(
      { ...config, teams: config.teams ?? teams },
      shape,
      store ? [this.rowSizes, store] : [this.rowSizes],
      false,
    );
    const handle = allocateEngine(chooseBackend(config.backend).kind, sizes, false);
    const runners = new StageRunners(handle, this.workerFile);
    const engine = new Engine(handle, runners.runStage);
    try {
      setWeights(engine, weights);
      await engine.packWeights();
    } catch (error) {
      await runners.close();
      throw error;
    }
    this.#current = { engine, runners };
    return engine;
  }

  #expectWeights(): Weights {
    if (!this.#weights) throw new Error('the engine has been closed');
    return this.#weights;
  }

  async #discard(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.runners.close();
  }
}
