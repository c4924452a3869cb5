import { Refusal } from './refusal.js';

/** Seconds until a client that was refused may find room. */
const RETRY_SECONDS = 1;

/**
 * How many texts may wait or be computed at a time, and for how long. Work that nobody waits for any more keeps its place until it is
 * done: a client that asks and leaves again and again has no more computed than one that stays.
 */
export class Admission {
  #texts = 0;

  constructor(
    private readonly mostTexts: number,
    private readonly timeoutMs: number,
  ) {}

  /** Texts that wait or are computed. */
  get texts(): number {
    return this.#texts;
  }

  /**
   * Does what a request asks for.
   *
   * @param texts that it takes the place of
   * @throws Refusal where there is no room, or the time is over
   */
  async run<T>(texts: number, work: () => Promise<T>): Promise<T> {
    const leave = this.enter(texts);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.tooLate()), this.timeoutMs);
    });
    const working = work().finally(leave);
    try {
      return await Promise.race([working, late]);
    } finally {
      clearTimeout(timer);
      // What fails when nobody waits any more is nobody's.
      working.catch(() => undefined);
    }
  }

  /**
   * Takes places, for as long as what is returned has not been called.
   *
   * @throws Refusal where there is no room
   */
  enter(texts: number): () => void {
    if (this.#texts + texts > this.mostTexts) {
      throw new Refusal(503, `all ${this.mostTexts} places for texts are taken; ask again later`, {
        'Retry-After': String(RETRY_SECONDS),
      });
    }
    this.#texts += texts;
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      this.#texts -= texts;
    };
  }

  tooLate(): Refusal {
    const seconds = this.timeoutMs / 1000;
    return new Refusal(503, `there was no answer within ${seconds} s; ask for less, or later`, {
      'Retry-After': String(RETRY_SECONDS),
    });
  }
}
