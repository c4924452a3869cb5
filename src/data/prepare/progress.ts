import type { PrepareEvent, TrainListener } from '../../events.js';
import { createTally, readTally, resetTally } from './work/tally.js';

const intervalMs = 250;

/** Tells a listener how far preparing has come: when a phase begins, four times a second, at the end. */
export class PrepareProgress {
  /** What the threads count. */
  readonly tally = createTally();
  #phase: PrepareEvent['phase'] = 'survey';
  #bytesTotal: number | null = 0;
  #timer: NodeJS.Timeout | undefined;
  #failure: { readonly error: unknown } | undefined;
  readonly #listener: TrainListener;
  #storeDir: string;

  constructor(listener: TrainListener, storeDir: string) {
    this.#listener = listener;
    this.#storeDir = storeDir;
  }

  /** Begins a phase that will work on `bytesTotal` bytes; null where nobody knows how many. */
  begin(phase: PrepareEvent['phase'], bytesTotal: number | null): void {
    this.#phase = phase;
    this.#bytesTotal = bytesTotal;
    resetTally(this.tally);
    this.#timer ??= setInterval(() => this.#tick(), intervalMs);
    this.#emit();
  }

  /** Ends the phases, however they ended. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Tells that there is a store, and where. */
  done(phase: 'done' | 'reused', storeDir: string, totals: { rows: number; tokens: number }): void {
    this.#phase = phase;
    this.#storeDir = storeDir;
    this.#emit({ ...totals, bytes: this.#bytesTotal ?? 0 });
  }

  /** Nobody would catch here what a listener throws: it is thrown where the next phase begins. */
  #tick(): void {
    try {
      this.#emit();
    } catch (error) {
      this.#failure = { error };
      this.stop();
    }
  }

  #emit({ bytes, rows, tokens } = readTally(this.tally)): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#listener({
      type: 'prepare',
      phase: this.#phase,
      // Work that is done again after a worker died is counted again.
      bytesDone: Math.min(bytes, this.#bytesTotal ?? Infinity),
      bytesTotal: this.#bytesTotal,
      rows,
      tokens,
      storeDir: this.#storeDir,
    });
  }
}
