import type { BoardUpdate, RunUpdate } from '../observe/board/wire.js';

export interface ConnectionListener {
  onBoard(update: BoardUpdate): void;
  onRun(update: RunUpdate): void;
  /** Whether the server is there. */
  onState(isConnected: boolean): void;
}

const RETRY_MS = 3000;

/** Hears the server's events; comes back when it was away, to be told only what is new. */
export class Connection {
  #source: EventSource | undefined;
  #runs: readonly string[] = [];
  #lastId = '';
  #timer = 0;

  constructor(private readonly listener: ConnectionListener) {}

  /** Follows these runs from now on. */
  follow(runs: readonly string[]): void {
    this.#runs = runs;
    this.#open();
  }

  #open(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    const known = this.#lastId
      .split(',')
      .filter((part) => this.#runs.includes(part.split('.')[0]!));
    const query = new URLSearchParams({ runs: this.#runs.join(','), since: known.join(',') });
    const source = new EventSource(`events?${query}`);
    this.#source = source;
    source.onopen = () => this.listener.onState(true);
    source.onerror = () => {
      this.listener.onState(false);
      // A browser comes back by itself after a break, but not after a refusal.
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#open(), RETRY_MS);
    };
    source.addEventListener('board', ({ data }: MessageEvent<string>) =>
      this.listener.onBoard(JSON.parse(data) as BoardUpdate),
    );
    source.addEventListener('run', ({ data, lastEventId }: MessageEvent<string>) => {
      this.#lastId = lastEventId;
      this.listener.onRun(JSON.parse(data) as RunUpdate);
    });
  }
}
