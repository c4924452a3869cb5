import type { PrepareEvent, TrainListener } from '../train/events.js';

const bytesBetweenEvents = 1 << 23;

/** Tells a listener how far preparing has come: at the start, every 8 MiB and at the end. */
export class PrepareProgress {
  rows = 0;
  tokens = 0;
  #phase: PrepareEvent['phase'] = 'vocabulary';
  #bytesDone = 0;
  #bytesTotal = 0;
  #nextEvent = 0;
  readonly #listener: TrainListener;
  readonly #storeDir: string;

  constructor(listener: TrainListener, storeDir: string) {
    this.#listener = listener;
    this.#storeDir = storeDir;
  }

  /** Begins a phase that will read `bytesTotal` bytes from disk. */
  begin(phase: PrepareEvent['phase'], bytesTotal: number): void {
    this.#phase = phase;
    this.#bytesTotal = bytesTotal;
    this.#bytesDone = 0;
    this.#nextEvent = bytesBetweenEvents;
    this.rows = 0;
    this.tokens = 0;
    this.#emit();
  }

  /** Counts bytes read from disk; a BytesObserver. */
  readonly observe = (bytes: Uint8Array): void => {
    this.#bytesDone += bytes.length;
    if (this.#bytesDone < this.#nextEvent) return;
    this.#nextEvent += bytesBetweenEvents;
    this.#emit();
  };

  /** Ends all phases. */
  done(phase: 'done' | 'reused', totals: { rows: number; tokens: number }): void {
    this.#phase = phase;
    this.#bytesDone = this.#bytesTotal;
    this.rows = totals.rows;
    this.tokens = totals.tokens;
    this.#emit();
  }

  #emit(): void {
    this.#listener({
      type: 'prepare',
      phase: this.#phase,
      bytesDone: this.#bytesDone,
      bytesTotal: this.#bytesTotal,
      rows: this.rows,
      tokens: this.tokens,
      storeDir: this.#storeDir,
    });
  }
}
