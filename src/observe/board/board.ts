import { Run, type RunPlace } from './run.js';

/** So much of a log at once, before somebody else has a turn. */
const SLICE_BYTES = 1 << 16;
/** Runs beyond so many that nobody looks at are kept in a few numbers only. */
const MOST_DETAILS = 16;

/** The runs that are watched, and how far their logs have been read. */
export class Board {
  #runs: Run[] = [];
  #byId = new Map<string, Run>();
  /** Whether there are runs beside those that are watched. */
  areMore = false;

  get runs(): readonly Run[] {
    return this.#runs;
  }

  find(id: string): Run | undefined {
    return this.#byId.get(id);
  }

  /** Takes up new runs and lets go of those that are no longer there. */
  setPlaces(places: readonly RunPlace[], areMore = false): void {
    this.areMore = areMore;
    this.#runs = places.map((place) => this.#byId.get(place.id) ?? new Run(place));
    this.#byId = new Map(this.#runs.map((run) => [run.place.id, run]));
  }

  /**
   * Reads on in all logs, those that somebody looks at first.
   *
   * @param mayGoOn is asked before each piece
   * @returns whether there is more
   */
  read(watched: ReadonlySet<string>, mayGoOn: () => boolean): boolean {
    this.#forget(watched);
    let isBehind = false;
    const isWatched = (run: Run) => watched.has(run.place.id);
    const ordered = [...this.#runs].sort((a, b) => Number(isWatched(b)) - Number(isWatched(a)));
    for (const run of ordered) {
      let more = true;
      while (more && mayGoOn()) more = run.poll(SLICE_BYTES);
      isBehind ||= more;
    }
    return isBehind;
  }

  #forget(watched: ReadonlySet<string>): void {
    const idle = this.#runs.filter((run) => run.hasDetail && !watched.has(run.place.id));
    for (const run of idle.slice(0, Math.max(0, idle.length - MOST_DETAILS))) run.dropDetail();
  }
}
