import { type BigIntStats, statSync } from 'node:fs';
import { UserError } from '../errors.js';
import type { FileLock } from '../system/file-lock.js';

/** How often a run looks whether its directory is still its own. */
const LOOK_MS = 1000;

/**
 * A run's hold on its directory. A directory that was removed, moved away or replaced by another of that name, or
 * whose lock somebody took, is no longer the run's: it writes nothing there any more, and ends.
 */
export class RunHold {
  readonly #identity: BigIntStats | undefined;
  /** When it was made, once that can be told: the number of a directory that was removed may be given to the next. */
  #born: bigint | undefined;
  readonly #timer: NodeJS.Timeout;
  #loss: string | undefined;

  /** @param directory whose lock is held */
  constructor(
    private readonly directory: string,
    private readonly lock: FileLock,
  ) {
    this.#identity = identityOf(directory);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /**
   * Tells what was last seen: costs nothing.
   *
   * @throws UserError when the directory is lost
   */
  expectHeld(): void {
    if (this.#loss === undefined) return;
    throw new UserError(
      `${this.directory}: ${this.#loss} while the run went on: training ends here; ` +
        '--resume goes on from the newest checkpoint, wherever that lies now',
    );
  }

  /**
   * Looks again, before or after something is written.
   *
   * @throws UserError when the directory is lost
   */
  expectStillHeld(): void {
    this.#look();
    this.expectHeld();
  }

  release(): void {
    clearInterval(this.#timer);
    this.lock.release();
  }

  #look(): void {
    this.#loss ??= this.#describeLoss();
  }

  #describeLoss(): string | undefined {
    const now = identityOf(this.directory);
    if (now === undefined) return 'the directory was removed or moved away';
    const { dev, ino } = this.#identity!;
    const isAnother = this.#born !== undefined && this.#born !== now.birthtimeNs;
    if (now.dev !== dev || now.ino !== ino || isAnother) {
      return 'another directory has taken its place';
    }
    // Where disks do not know it, the time of the last change stands for it: that would be another each time.
    if (now.birthtimeNs < now.ctimeNs) this.#born = now.birthtimeNs;
    return this.lock.describeLoss();
  }
}

function identityOf(directory: string): BigIntStats | undefined {
  try {
    return statSync(directory, { bigint: true });
  } catch {
    // Whatever the reason, it is not there for us.
    return undefined;
  }
}
