import type { StageRunner } from '../compute/engine.js';
import type { EngineHandle } from '../compute/engine-memory.js';
import { runLocally } from '../compute/local-runner.js';
import type { WorkerPool } from '../compute/pool.js';
import { claimThreadPlace, COORDINATOR, openBackend } from '../compute/runner.js';
import { StageWork } from './stage-work.js';

/** Up to which the calling thread computes a stage itself, in microseconds. */
const MOST_ALONE = 1000;
/** How long the calling thread goes on computing until others than those who wait for it have their turn, in milliseconds. */
const MOST_HELD_MS = 1;

/**
 * Has the stages of a trained model's engine computed where they are done soonest: a small one by the calling thread, since handing it
 * over takes about as long as the work itself; others by a pool of threads, which are started when the first of these comes. Who
 * computes makes no difference to the results.
 */
export class StageRunners {
  readonly #local: StageRunner;
  readonly #release: () => void;
  readonly #work: StageWork;
  #pool: Promise<WorkerPool> | undefined;
  /** Comes when everybody else has had a turn, where the calling thread has computed since the last one; and since when it has. */
  #turn: { over: Promise<void>; begin: number } | undefined;

  /** @param workerFile entry of the threads, which compute everything then; tests bring one whose workers die */
  constructor(
    private readonly handle: EngineHandle,
    private readonly workerFile?: string,
  ) {
    const thread = claimThreadPlace(handle, COORDINATOR);
    const backend = openBackend(handle, thread);
    this.#local = runLocally(handle, backend, thread);
    this.#release = () => backend.release();
    this.#work = new StageWork(handle);
  }

  readonly runStage: StageRunner = async (stage, slot) => {
    if (this.workerFile !== undefined || this.#work.microseconds(stage, slot) > MOST_ALONE) {
      const { runStage } = await this.#startPool();
      return runStage(stage, slot);
    }
    this.#turn ??= this.#beginTurn();
    const { over, begin } = this.#turn;
    await this.#local(stage, slot);
    if (performance.now() - begin > MOST_HELD_MS) await over;
  };

  /** Starts the threads that larger stages need, if they have not been: what is asked meanwhile waits for them. */
  async start(): Promise<void> {
    await this.#startPool();
  }

  async close(): Promise<void> {
    this.#release();
    await (await this.#pool)?.close();
  }

  /** Loaded with its package where it is needed. */
  #startPool(): Promise<WorkerPool> {
    this.#pool ??= import('../compute/pool.js').then(({ createWorkerPool }) =>
      createWorkerPool(this.handle, () => undefined, this.workerFile),
    );
    return this.#pool;
  }

  #beginTurn(): { over: Promise<void>; begin: number } {
    const over = new Promise<void>((resolve) => {
      setImmediate(() => {
        this.#turn = undefined;
        resolve();
      });
    });
    return { over, begin: performance.now() };
  }
}
