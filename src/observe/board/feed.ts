import type { Board } from './board.js';
import type { Cursor, Run } from './run.js';
import type { BoardUpdate } from './wire.js';

/** What an answer is written to that goes on and on. */
export interface Sink {
  /** Bytes that the client has not taken yet. */
  readonly waiting: number;
  write(text: string): void;
  close(): void;
}

/** What readers may take up. */
export interface FeedLimits {
  streams: number;
  /** Runs that one page follows at once. */
  runs: number;
  /** A client that has not taken what it was sent for so long is let go. */
  patienceMs: number;
  heartbeatMs: number;
  /** For so long, pages that are opened are given the same text to begin with. */
  sharedMs: number;
}

export const FEED_LIMITS: FeedLimits = {
  streams: 16,
  runs: 12,
  patienceMs: 20_000,
  heartbeatMs: 15_000,
  sharedMs: 10_000,
};

/**
 * The stream of server-sent events of each open page. Nothing is queued for a client that does not read: it is told what has changed
 * since it was last told something, whenever it has taken all of that.
 */
export class Feed {
  readonly #streams = new Set<Stream>();
  readonly #beginnings: Beginnings;

  /** @param mayTell is asked each time before a page is told something, which can wait */
  constructor(
    private readonly board: Board,
    private readonly mayTell: () => boolean,
    private readonly limits: FeedLimits = FEED_LIMITS,
  ) {
    this.#beginnings = new Beginnings(limits.sharedMs);
  }

  get isFull(): boolean {
    return this.#streams.size >= this.limits.streams;
  }

  get size(): number {
    return this.#streams.size;
  }

  /**
   * @param wanted ids of runs
   * @param lastId of the last event that the page has, to go on behind it
   * @returns to be called when the client has gone
   */
  open(sink: Sink, wanted: readonly string[], lastId: string): () => void {
    const ids = wanted.slice(0, this.limits.runs);
    for (const id of ids) this.board.find(id)?.keepDetail();
    const cursors = parseCursors(lastId);
    const stream = new Stream(sink, this.board, ids, cursors, this.#beginnings, this.limits);
    this.#streams.add(stream);
    if (this.mayTell()) stream.tell();
    return () => {
      this.#streams.delete(stream);
    };
  }

  /** Ids of the runs that somebody looks at. */
  get watched(): Set<string> {
    return new Set([...this.#streams].flatMap(({ ids }) => ids));
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
  }

  /** Tells each page what is new for it, as far as that may be; those that had to wait are the first ones the next time. */
  tick(mayTell = this.mayTell): void {
    for (const stream of [...this.#streams]) {
      if (!mayTell()) return;
      this.#streams.delete(stream);
      this.#streams.add(stream);
      stream.tell();
    }
  }
}

class Stream {
  readonly #facts = new Map<string, string>();
  #toldMore = false;
  #toldAt = performance.now();
  #takenAt = performance.now();

  constructor(
    private readonly sink: Sink,
    private readonly board: Board,
    readonly ids: readonly string[],
    private readonly cursors: Map<string, Cursor>,
    private readonly beginnings: Beginnings,
    private readonly limits: FeedLimits,
  ) {
    // Browsers come back after so many milliseconds.
    sink.write('retry: 2000\n\n');
  }

  tell(): void {
    const now = performance.now();
    if (this.sink.waiting === 0) this.#takenAt = now;
    else {
      if (now - this.#takenAt > this.limits.patienceMs) this.sink.close();
      return;
    }
    const text = this.#formatFacts() + this.#formatRuns();
    if (text !== '') this.sink.write(text);
    else if (now - this.#toldAt < this.limits.heartbeatMs) return;
    else this.sink.write(':\n\n');
    this.#toldAt = now;
  }

  close(): void {
    this.sink.close();
  }

  #formatFacts(): string {
    const { runs, areMore } = this.board;
    const reset = this.#facts.size === 0;
    const changed = runs.filter(({ place, version }) => this.#facts.get(place.id) !== version);
    const gone = [...this.#facts.keys()].filter((id) => this.board.find(id) === undefined);
    const isAsBefore = areMore === this.#toldMore && !reset;
    if (changed.length === 0 && gone.length === 0 && isAsBefore) return '';
    this.#toldMore = areMore;
    for (const { place, version } of changed) this.#facts.set(place.id, version);
    for (const id of gone) this.#facts.delete(id);
    const update: BoardUpdate = { reset, runs: changed.map((run) => run.tell()), gone, areMore };
    return `event: board\ndata: ${JSON.stringify(update)}\n\n`;
  }

  #formatRuns(): string {
    return this.ids
      .map((id) => this.board.find(id))
      .map((run) => (run === undefined ? '' : this.#formatRun(run)))
      .join('');
  }

  #formatRun(run: Run): string {
    const { id } = run.place;
    const before = this.cursors.get(id);
    const isNew = before?.generation !== run.cursor.generation;
    const { cursor, text } = isNew ? this.beginnings.of(run) : tell(run, before);
    if (text === '') return '';
    this.cursors.set(id, cursor);
    return `event: run\nid: ${formatCursors(this.cursors)}\ndata: ${text}\n\n`;
  }
}

interface Told {
  cursor: Cursor;
  /** JSON; none where nothing is new. */
  text: string;
}

function tell(run: Run, before: Cursor | undefined): Told {
  const update = run.since(before);
  return { cursor: run.cursor, text: update === undefined ? '' : JSON.stringify(update) };
}

/**
 * All there is of a run, as a page that is opened is told it. It takes a hundred times as long to write as what is new of a second, so that
 * those who come soon after each other get the same; what has come since follows at once.
 */
class Beginnings {
  readonly #told = new Map<string, Told & { at: number }>();

  constructor(private readonly sharedMs: number) {}

  of(run: Run): Told {
    const now = performance.now();
    const kept = this.#told.get(run.place.id);
    const isFresh = kept !== undefined && now - kept.at < this.sharedMs;
    if (isFresh && kept.cursor.generation === run.cursor.generation) return kept;
    const told = { ...tell(run, undefined), at: now };
    this.#told.set(run.place.id, told);
    for (const [id, { at }] of this.#told) if (now - at > this.sharedMs) this.#told.delete(id);
    return told;
  }
}

/** "ID.GENERATION.MOMENT,…": what a page shows when it comes back, so that it is told only what is new. */
function formatCursors(cursors: ReadonlyMap<string, Cursor>): string {
  return Array.from(
    cursors,
    ([id, { generation, moment }]) => `${id}.${generation}.${moment}`,
  ).join(',');
}

function parseCursors(text: string): Map<string, Cursor> {
  const cursors = new Map<string, Cursor>();
  for (const part of text.split(',')) {
    const match = /^(\w{1,16})\.([0-9a-f]{8})\.(\d{1,15})$/.exec(part);
    if (match) cursors.set(match[1]!, { generation: match[2]!, moment: Number(match[3]) });
  }
  return cursors;
}
