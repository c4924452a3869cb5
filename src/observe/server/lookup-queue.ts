import { errorCode } from '../../system/error-code.js';
import { type Reply, say } from './answer.js';

/** More than so many in a queue are turned away. */
const MOST_WAITING = 8;
/** How long a look may take, with the time in the queue: less than the connection stays open for its answer. */
const PATIENCE_MS = 8000;

/** Throws where nobody waits any more for what is being looked up, or not much longer. */
export type ExpectWanted = () => void;

/** Looks into logs, one after the other, each for as long as somebody waits for it. */
export class LookupQueue {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(private readonly patienceMs = PATIENCE_MS) {}

  /**
   * @param look gives what is answered, as JSON; calls its argument again and again
   * @param gone aborts when the client has gone
   */
  async add(
    look: (expectWanted: ExpectWanted) => Promise<unknown>,
    gone: AbortSignal,
  ): Promise<Buffer | Reply> {
    if (this.#waiting >= MOST_WAITING) return turnAway('Too many looks into logs are under way');
    const end = performance.now() + this.patienceMs;
    const expectWanted = () => {
      gone.throwIfAborted();
      if (performance.now() > end) throw new TookTooLong();
    };
    this.#waiting++;
    const done = this.#last.then(() => {
      expectWanted();
      return look(expectWanted);
    });
    this.#last = done.catch(() => undefined);
    try {
      return Buffer.from(JSON.stringify(await done));
    } catch (error) {
      if (gone.aborted) return turnAway('Nobody waits for this any more');
      if (error instanceof TookTooLong) {
        return turnAway('This part of the log cannot be read in time beside the training');
      }
      return say(500, `The log cannot be read (${errorCode(error) || String(error)}).`);
    } finally {
      this.#waiting--;
    }
  }
}

class TookTooLong extends Error {}

function turnAway(why: string): Reply {
  return say(503, `${why}; ask again.`, { 'Retry-After': '5' });
}
