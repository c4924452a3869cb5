import { UserError } from '../errors.js';

/** How long a call that its caller has to drive may stand still when all are to end, until it counts as given up. */
const PATIENCE_MS = 1000;

/** Counts the calls under way, so that what they use is closed when they are done and no sooner. */
export class Calls {
  readonly #underWay = new Set<Call>();
  #isClosed = false;

  /** @param refusal what is said to a call that comes too late */
  constructor(private readonly refusal: string) {}

  /** @throws UserError when it comes too late */
  begin(): Call {
    if (this.#isClosed) throw new UserError(this.refusal);
    const call: Call = new Call(this.refusal, () => this.#underWay.delete(call));
    this.#underWay.add(call);
    return call;
  }

  /** Counts a call for as long as its work takes. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const call = this.begin();
    try {
      return await work();
    } finally {
      call.end();
    }
  }

  /** Refuses calls from now on; resolves when those under way have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(Array.from(this.#underWay, (call) => call.awaitEnd()));
  }
}

/**
 * A call under way. One that hands its results over piece by piece pauses whenever it is the caller's turn: a caller who
 * stays away for good, as nothing forbids, must not hold everybody up for ever.
 */
export class Call {
  #isPaused = false;
  #hasEnded = false;
  #waiting: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly refusal: string,
    private readonly onEnd: () => void,
  ) {}

  /** What comes next is up to the caller. */
  pause(): void {
    this.#isPaused = true;
    this.#watch();
  }

  /** @throws UserError when the caller was away for so long that the call has been given up */
  resume(): void {
    clearTimeout(this.#timer);
    this.#isPaused = false;
    if (this.#hasEnded) throw new UserError(this.refusal);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#hasEnded = true;
    this.onEnd();
    this.#waiting?.();
  }

  awaitEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#watch();
    });
  }

  #watch(): void {
    if (this.#isPaused && this.#waiting) this.#timer = setTimeout(() => this.end(), PATIENCE_MS);
  }
}
