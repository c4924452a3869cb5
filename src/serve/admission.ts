import { Refusal } from './refusal.js';

/** Seconds until a client that was refused may find room. */
const RETRY_SECONDS = 1;

/** What a request takes up for as long as it waits or is computed. */
export interface Demand {
  readonly texts: number;
  /** Of memory, about. */
  readonly bytes: number;
}

/**
 * How many texts may wait or be computed at a time, how much memory they may take, and for how long. Work that nobody waits for any more keeps
 * its place until it is done: a client that asks and leaves again and again has no more computed than one that stays.
 */
export class Admission {
  #texts = 0;
  #bytes = 0;

  constructor(
    private readonly most: Demand,
    private readonly timeoutMs: number,
  ) {}

  /** Texts that wait or are computed. */
  get texts(): number {
    return this.#texts;
  }

  /** What they take of memory, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Does what a request asks for.
   *
   * @throws Refusal where there is no room, or the time is over
   */
  run<T>(demand: Demand, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = this.enter(demand);
      const timer = setTimeout(() => reject(this.tooLate()), this.timeoutMs);
      // What throws before there is a promise leaves its place, too.
      const begin = async (): Promise<T> => work();
      const working = begin().finally(() => {
        clearTimeout(timer);
        leave();
      });
      // What comes of it when nobody waits any more is nobody's.
      working.then(resolve, reject);
    });
  }

  /**
   * Takes places, for as long as what is returned has not been called.
   *
   * @throws Refusal where there is no room
   */
  enter({ texts, bytes }: Demand): () => void {
    if (this.#texts + texts > this.most.texts) {
      throw noRoom(`all ${this.most.texts} places for texts are taken; ask again later`);
    }
    // One that is larger than all of it is answered when nobody else is.
    if (this.#bytes > 0 && this.#bytes + bytes > this.most.bytes) {
      throw noRoom('other requests take the memory that there is for them; ask again later');
    }
    this.#texts += texts;
    this.#bytes += bytes;
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      this.#texts -= texts;
      this.#bytes -= bytes;
    };
  }

  tooLate(): Refusal {
    const seconds = this.timeoutMs / 1000;
    return noRoom(`there was no answer within ${seconds} s; ask for less, or later`);
  }
}

function noRoom(sentence: string): Refusal {
  return new Refusal(503, sentence, { 'Retry-After': String(RETRY_SECONDS) });
}
