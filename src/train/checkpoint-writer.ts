import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../errors.js';
import type { Snapshot } from './checkpoint.js';
import { checkpointName, type Retention } from './checkpoint-names.js';
import { describeDiskError } from './disk.js';
import type { TrainListener } from './events.js';
import type { RunDirectory } from './run-directory.js';
import type { Progress } from './run-state.js';

/** What tells whether a checkpoint would say anything new. */
type Written = Pick<Progress, 'step' | 'validation'>;

/** Writes a run's checkpoints while training goes on, and removes those no longer wanted. */
export class CheckpointWriter {
  /** The one being written: resolves to why that failed, if it did. */
  #writing: Promise<string | undefined> = Promise.resolve(undefined);

  /** @param written the whole checkpoint that the run goes on from */
  constructor(
    private readonly directory: RunDirectory,
    private readonly snapshot: Snapshot,
    private readonly retention: Retention,
    private readonly listener: TrainListener,
    private written: Written | undefined,
  ) {}

  /**
   * Takes a copy now and writes it while training goes on; waits for the one before. A disk that refuses is told
   * to the listener; the next checkpoint tries again.
   *
   * @param slot the next batch's
   */
  async write(slot: number, progress: Progress): Promise<void> {
    await this.#writing;
    this.snapshot.take(slot);
    this.#writing = this.#store(progress);
    // An error that is not the disk's is met where it is awaited.
    this.#writing.catch(() => undefined);
  }

  /**
   * Writes a run's last checkpoint and waits until it is on the disk.
   *
   * @throws UserError when it cannot be written
   */
  async writeLast(slot: number, progress: Progress): Promise<void> {
    await this.#writing;
    const { step, validation } = progress;
    if (isDeepStrictEqual(this.written, { step, validation })) return;
    this.snapshot.take(slot);
    const reason = await this.#store(progress);
    if (reason === undefined) return;
    const kept =
      this.written === undefined
        ? 'there is none before it'
        : `the one after step ${this.written.step} is kept: go on from there with --resume`;
    throw new UserError(
      `${this.directory.checkpoints}: the checkpoint after step ${step} could not be written (${reason}); ${kept}`,
    );
  }

  /** Waits until nothing is being written any more, whatever came of it. */
  async settle(): Promise<void> {
    await Promise.allSettled([this.#writing]);
  }

  /** Writes the copy; resolves to the reason when the disk refuses. */
  async #store(progress: Progress): Promise<string | undefined> {
    const start = performance.now();
    const { step, validation } = progress;
    const name = checkpointName(step);
    try {
      const { checkpoints, fs } = this.directory;
      const path = await this.snapshot.write(checkpoints, name, progress, fs);
      await this.directory.point('latest', name);
      if (validation.best?.step === step) await this.directory.point('best', name);
      this.written = { step, validation };
      this.listener({
        type: 'checkpoint',
        step,
        path,
        bytes: this.snapshot.bytes,
        duration: (performance.now() - start) / 1000,
      });
    } catch (error) {
      const reason = describeDiskError(error);
      if (reason === undefined) throw error;
      this.listener({ type: 'checkpoint-failed', step, reason });
      return reason;
    }
    await this.#prune(step);
    return undefined;
  }

  /** Old checkpoints that cannot be removed are no reason to stop. */
  async #prune(step: number): Promise<void> {
    try {
      const best = await this.directory.readPointer('best');
      await this.directory.prune(step, this.retention, best === undefined ? [] : [best]);
    } catch (error) {
      const reason = error instanceof UserError ? error.message : describeDiskError(error);
      if (reason === undefined) throw error;
      this.listener({ type: 'notice', message: `Old checkpoints were not removed: ${reason}.` });
    }
  }
}
