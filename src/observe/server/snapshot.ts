/** What is served of the run: rendered by the thread that trains, when somebody asks, and kept for a while. */
export class Snapshot {
  #text: Buffer | undefined;
  #takenAt = -Infinity;
  #pending: { ready: Promise<void>; resolve: () => void } | undefined;

  /** @param order has a new one be taken, which `take` hears of */
  constructor(private readonly order: () => void) {}

  /**
   * The text, at most `FRESH_MS` old where the training answers in time, else the one before; undefined when there
   * is none yet. All who ask while one is on its way wait for the same one.
   */
  async read(): Promise<Buffer | undefined> {
    if (performance.now() - this.#takenAt >= FRESH_MS) await this.#renew();
    return this.#text;
  }

  take(text: string): void {
    if (this.#takenAt === Infinity) return;
    this.#text = Buffer.from(text);
    this.#takenAt = performance.now();
    this.#pending?.resolve();
    this.#pending = undefined;
  }

  /** Takes the last one there will be. */
  finish(text: string): void {
    this.take(text);
    this.#takenAt = Infinity;
  }

  async #renew(): Promise<void> {
    if (this.#pending === undefined) {
      let resolve = (): void => undefined;
      const ready = new Promise<void>((done) => (resolve = done));
      this.#pending = { ready, resolve };
      this.order();
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((done) => (timer = setTimeout(done, PATIENCE_MS)));
    await Promise.race([this.#pending.ready, late]);
    clearTimeout(timer);
  }
}

const FRESH_MS = 500;
const PATIENCE_MS = 2000;
