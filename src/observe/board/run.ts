import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { LineTail } from './line-tail.js';
import { LOG_FILE, parseLine } from './log-event.js';
import { RunDetail } from './run-detail.js';
import { RunSummary } from './run-summary.js';
import type { ConfigView, RunFacts } from './wire.js';

/** A run that can be watched. */
export interface RunPlace {
  id: string;
  name: string;
  directory: string;
  /** Of a run in the server's own process: the time when that began, in milliseconds; what its log tells before is of an earlier start. */
  liveSince?: number;
  readConfig: () => ConfigView;
}

/** What a page has been told of a run. */
export interface Cursor {
  generation: string;
  moment: number;
}

/** Follows a run by its log. */
export class Run {
  readonly #tail: LineTail;
  #summary = new RunSummary();
  #detail: RunDetail | undefined;
  /** Another one with every log that begins anew; and of no other process. */
  #generation = makeGeneration();
  #lines = 0;
  #config: ConfigView | undefined;
  #hasStarted: boolean;

  constructor(readonly place: RunPlace) {
    this.#hasStarted = place.liveSince === undefined;
    this.#tail = new LineTail(path.join(place.directory, LOG_FILE), {
      onLine: (line, offset) => this.#take(line, offset),
      onLongLine: () => this.#summary.skip(),
      onReset: () => this.#reset(),
    });
  }

  get logFile(): string {
    return path.join(this.place.directory, LOG_FILE);
  }

  /** By what it can be told whether the facts have changed. */
  get version(): string {
    const { read, size } = this.#tail.progress;
    return `${this.#generation} ${this.#lines} ${read} ${size} ${this.#config === undefined}`;
  }

  get config(): ConfigView {
    return (this.#config ??= this.place.readConfig());
  }

  get hasDetail(): boolean {
    return this.#detail !== undefined;
  }

  /** Reads on, in the log and then the config, which takes some milliseconds; @returns whether there is more */
  poll(maxBytes: number): boolean {
    if (this.#tail.poll(maxBytes)) return true;
    this.#config ??= this.place.readConfig();
    return false;
  }

  /** From now on keeps all that the page shows, for which the log is read once more. */
  keepDetail(): void {
    if (this.#detail !== undefined) return;
    this.#reset();
    this.#detail = new RunDetail();
    this.#tail.rewind();
  }

  dropDetail(): void {
    this.#detail = undefined;
  }

  get cursor(): Cursor {
    return { generation: this.#generation, moment: this.#detail?.moment ?? 0 };
  }

  /** What is new since a cursor; undefined where nothing is. */
  since(cursor: Cursor | undefined) {
    const isSame = cursor?.generation === this.#generation;
    const update = this.#detail?.since(isSame ? cursor.moment : 0);
    if (isSame && update === undefined) return undefined;
    const nothing = { series: {}, events: [], latest: {} };
    return { id: this.place.id, reset: !isSame, ...(update ?? nothing) };
  }

  /** Where in the log to look for a step: at a line before all that tells of it. */
  offsetOf(step: number): number {
    let offset = 0;
    for (const [name, series] of this.#detail?.series ?? []) {
      // Others than steps tell of one behind its own line.
      const found = series.offsetOf(name === 'step' ? step : step - 1);
      offset = Math.max(offset, found ?? 0);
    }
    return offset;
  }

  tell(): RunFacts {
    const { id, name, directory } = this.place;
    const summary = this.#summary.tell();
    const entries = this.#config?.fault === undefined ? this.#config?.entries : undefined;
    const differing = entries?.filter(({ differs }) => differs);
    return {
      ...{ id, name, directory, ...summary, ...this.#tail.progress },
      live: this.place.liveSince !== undefined,
      state: this.#hasStarted ? summary.state : 'preparing',
      ...(differing && {
        differs: Object.fromEntries(differing.map(({ key, value }) => [key, value])),
      }),
    };
  }

  #take(line: Buffer, offset: number): void {
    this.#lines++;
    const event = parseLine(line);
    if (event === undefined || this.#detail?.add(event, offset) === false) {
      this.#summary.skip();
      return;
    }
    if (event.type === 'start') this.#noteStart(event.time);
    this.#summary.add(event);
  }

  /** Whoever resumes a run may have changed its config. */
  #noteStart(time: string | undefined): void {
    const { liveSince } = this.place;
    if (liveSince === undefined) this.#config = undefined;
    else if (Date.parse(time ?? '') >= liveSince) this.#hasStarted = true;
  }

  #reset(): void {
    this.#generation = makeGeneration();
    this.#summary = new RunSummary();
    this.#lines = 0;
    if (this.#detail !== undefined) this.#detail = new RunDetail();
  }
}

function makeGeneration(): string {
  return randomBytes(4).toString('hex');
}
