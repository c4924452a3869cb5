import type { TrainEvent, TrainListener } from '../events.js';

/** Events that wait for a slow reader, at most. */
const MOST_EVENTS = 1024;

/**
 * Hands events over from a training, which waits for nobody, to one reader, who may be slow: of what does not fit the oldest steps are left out, and where there are
 * none the oldest of all.
 */
export class EventBuffer {
  #waiting: TrainEvent[] = [];
  #hasEnded = false;
  #wake: (() => void) | undefined;

  constructor(private readonly most = MOST_EVENTS) {}

  add(event: TrainEvent): void {
    if (this.#waiting.length >= this.most) this.#dropHalf();
    this.#waiting.push(event);
    this.#wake?.();
  }

  /** No event will follow. */
  end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  /** The next event, when there is one; undefined behind the last. */
  async next(): Promise<TrainEvent | undefined> {
    while (this.#waiting.length === 0 && !this.#hasEnded) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    this.#wake = undefined;
    return this.#waiting.shift();
  }

  /** Half of the steps at once, so that a reader who stays away costs no search for each. */
  #dropHalf(): void {
    const steps = this.#waiting.filter(({ type }) => type === 'step').length;
    let dropped = Math.ceil(steps / 2);
    this.#waiting =
      dropped === 0
        ? this.#waiting.slice(1)
        : this.#waiting.filter(({ type }) => type !== 'step' || dropped-- <= 0);
  }
}

/**
 * The events of a training as they come. When its reader leaves before the end, the training is stopped and waited for.
 *
 * @param train is given who hears its events, and what tells it to stop
 * @throws what it rejects with
 */
export async function* streamEvents(
  train: (listener: TrainListener, left: AbortSignal) => Promise<unknown>,
): AsyncGenerator<TrainEvent, void, undefined> {
  const events = new EventBuffer();
  const leaving = new AbortController();
  const left = leaving.signal;
  const training = train((event) => events.add(event), left).finally(() => events.end());
  // Told to the reader when its turn comes.
  training.catch(() => undefined);
  try {
    for (let event = await events.next(); event; event = await events.next()) yield event;
  } finally {
    leaving.abort();
    // Who has left needs not hear that preparing has ended for it.
    await training.catch((error: unknown) => {
      if (error !== left.reason) throw error;
    });
  }
}
