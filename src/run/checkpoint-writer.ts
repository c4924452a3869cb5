import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { errorCode } from '../system/error-code.js';
import { UserError } from '../errors.js';
import type { Snapshot } from '../checkpoint/checkpoint.js';
import { checkpointName, stepOf, type Retention } from '../checkpoint/checkpoint-names.js';
import { makeDirectory } from '../system/make-directory.js';
import { describeDiskError } from '../system/disk.js';
import type { TrainListener } from '../events.js';
import type { RunDirectory } from './run-directory.js';
import type { RunHold } from './run-hold.js';
import { verifyCheckpoint, type Progress } from '../checkpoint/run-state.js';

/** What tells whether a checkpoint would say anything new. */
type Written = Pick<Progress, 'step' | 'validation' | 'config' | 'corpus' | 'lineEnd'>;

export function tellingOf({ step, validation, config, corpus, lineEnd }: Progress): Written {
  return { step, validation, config, corpus, lineEnd };
}

/** For writers whose directory nobody takes away. */
const nobodyElse = { expectHeld: () => undefined, expectStillHeld: () => undefined };

/** Refusals that do not pass: the directory can be written no more. */
const LASTING = ['ENOTDIR', 'EROFS', 'EACCES', 'EPERM', 'ESTALE', 'ELOOP'];

/** Writes a run's checkpoints while training goes on, and removes those no longer wanted. */
export class CheckpointWriter {
  /** The one being written: resolves to why that failed, if it did. */
  #writing: Promise<string | undefined> = Promise.resolve(undefined);
  #failure: UserError | undefined;
  /** The best checkpoint, where it was written here. */
  #best: string | undefined;

  /** @param written the whole checkpoint that the run goes on from */
  constructor(
    private readonly directory: RunDirectory,
    private readonly snapshot: Snapshot,
    private readonly retention: Retention,
    private readonly listener: TrainListener,
    private written: Written | undefined,
    private readonly hold: Pick<RunHold, 'expectHeld' | 'expectStillHeld'> = nobodyElse,
  ) {}

  /**
   * Costs nothing: for every step.
   *
   * @throws UserError when the run's directory can take no checkpoint any more, so that going on would be in vain
   */
  expectUsable(): void {
    this.hold.expectHeld();
    if (this.#failure) throw this.#failure;
  }

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
    this.expectUsable();
    const { step } = progress;
    const isWritten = isDeepStrictEqual(this.written, tellingOf(progress));
    if (!isWritten || !(await this.#isThere(checkpointName(step)))) {
      this.snapshot.take(slot);
      const reason = await this.#store(progress);
      if (reason !== undefined) throw await this.#explain(step, reason);
    }
    this.hold.expectStillHeld();
    const best = this.#best;
    // A run whose best checkpoint somebody removed has not ended well.
    if (best === undefined || (await this.#isThere(best))) return;
    throw new UserError(
      `${join(this.directory.checkpoints, best)}: the best checkpoint was removed while the run went on; ` +
        'the last one is whole: use it with --checkpoint latest',
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
      const path = await this.#writeFiles(name, progress);
      this.hold.expectStillHeld();
      await this.directory.point('latest', name);
      if (validation.best?.step === step) {
        await this.directory.point('best', name);
        this.#best = name;
      }
      // Moved away meanwhile, it lies where the run no longer is.
      this.hold.expectStillHeld();
      this.written = tellingOf(progress);
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
      this.hold.expectStillHeld();
      this.listener({ type: 'checkpoint-failed', step, reason });
      if (LASTING.includes(errorCode(error))) this.#failure = await this.#explain(step, reason);
      return reason;
    }
    await this.#prune(progress);
    return undefined;
  }

  /** Writes the files, removing old checkpoints first where there is no room for them all. */
  async #writeFiles(name: string, progress: Progress): Promise<string> {
    const { checkpoints, fs } = this.directory;
    for (let remade = false; ;) {
      this.hold.expectStillHeld();
      try {
        return await this.snapshot.write(checkpoints, name, progress, fs);
      } catch (error) {
        this.hold.expectStillHeld();
        if (errorCode(error) === 'ENOENT' && !remade) {
          // Somebody removed all checkpoints.
          await makeDirectory(checkpoints, fs);
          remade = true;
          continue;
        }
        if (!['ENOSPC', 'EDQUOT'].includes(errorCode(error))) throw error;
        const removed = await this.#chooseForRoom(progress);
        if (removed === undefined) throw error;
        await this.directory.remove(removed);
        const message = `The disk has no room for the checkpoint after step ${progress.step}: ${removed} was removed to make some.`;
        this.listener({ type: 'notice', message });
      }
    }
  }

  /** The checkpoint that is missed least, such that a whole one is left; undefined where there is none. */
  async #chooseForRoom({ step, validation }: Progress): Promise<string | undefined> {
    const names = (await this.#list()) ?? [];
    const newest = this.written && checkpointName(this.written.step);
    const best =
      validation.best && validation.best.step !== step && checkpointName(validation.best.step);
    const { keepEvery } = this.retention;
    const free = names.filter(
      (name) => name !== best && (keepEvery === null || stepOf(name) % keepEvery !== 0),
    );
    // Only of the last one written is it known that it is whole.
    const oldest = free.find((name) => name !== newest);
    if (newest === undefined || !names.includes(newest)) return undefined;
    if (oldest !== undefined) return oldest;
    const isSpare = free.includes(newest) && typeof best === 'string' && names.includes(best);
    return isSpare && (await this.#isWhole(best)) ? newest : undefined;
  }

  /** Whether a checkpoint has not been removed, as far as the disk tells. */
  async #isThere(name: string): Promise<boolean> {
    return (await this.#list())?.includes(name) ?? true;
  }

  /** Undefined where the disk does not tell. */
  async #list(): Promise<string[] | undefined> {
    return undefinedIfRefused(this.directory.listCheckpoints());
  }

  async #isWhole(name: string): Promise<boolean> {
    const place = join(this.directory.checkpoints, name);
    return (await undefinedIfRefused(verifyCheckpoint(place, this.directory.fs))) !== undefined;
  }

  async #explain(step: number, reason: string): Promise<UserError> {
    const kept = await this.#describeKept();
    return new UserError(
      `${this.directory.checkpoints}: the checkpoint after step ${step} could not be written (${reason}); ${kept}`,
    );
  }

  async #describeKept(): Promise<string> {
    if (this.written !== undefined) {
      return `the one after step ${this.written.step} is kept: go on from there with --resume`;
    }
    // One may be whole though the disk took no more of what is written behind it.
    const newest = (await this.#list())?.at(-1);
    if (newest === undefined) return 'there is none before it';
    return `${newest} is there: --resume goes on from there if it is whole`;
  }

  /** Old checkpoints that cannot be removed are no reason to stop. */
  async #prune({ step, validation: { best, beforeEnd } }: Progress): Promise<void> {
    try {
      // The best itself, the best should the run go on, and the best of those that could be written.
      const pointer = await this.directory.readPointer('best');
      const named = [best, beforeEnd?.best].map((each) => each && checkpointName(each.step));
      const spared = [...named, pointer].filter((name) => name != null);
      await this.directory.prune(step, this.retention, spared);
    } catch (error) {
      const reason = error instanceof UserError ? error.message : describeDiskError(error);
      if (reason === undefined) throw error;
      this.listener({ type: 'notice', message: `Old checkpoints were not removed: ${reason}.` });
    }
  }
}

async function undefinedIfRefused<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return undefined;
  }
}
