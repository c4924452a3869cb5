/** How long a thread looks out for what another is to write before it goes to sleep, and how long it then sleeps at most, in milliseconds. */
const SPIN_MS = 0.1;
const NAP_MS = 5;
/** How often it looks before it looks at the clock, too. */
const LOOKS = 32;

/** A thread's waiting for a word on the heap to change: it looks again and again, as whatever comes soon is met soonest, and sleeps when that takes long. */
export class LookOut {
  #looks = 0;
  #since: number | undefined;

  /** Whether it has lasted for so long that the clock was looked at. */
  get isLong(): boolean {
    return this.#looks >= LOOKS;
  }

  /**
   * What is to be done between two looks: nothing, or to sleep until the word is told of.
   *
   * @param seen what the word was: it is not slept on where it is something else by now
   * @returns whether it has slept as long as it may, and nobody has told of anything
   */
  rest(words: Int32Array, place: number, seen: number): boolean {
    this.#looks++;
    if (this.#looks % LOOKS !== 0) return false;
    const now = performance.now();
    this.#since ??= now;
    if (now - this.#since <= SPIN_MS) return false;
    return Atomics.wait(words, place, seen, NAP_MS) === 'timed-out';
  }
}
