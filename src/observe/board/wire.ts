/** What the server tells the page, as JSON; both are compiled against these types. */

/** Buckets of one series from bucket `from` on, which stand in the place of all that was known from there. */
export interface SeriesUpdate {
  from: number;
  /** First and last step of each bucket, and how many lines of the log it sums up. */
  first: number[];
  last: number[];
  count: number[];
  columns: Record<string, ColumnUpdate>;
}

/** Of each bucket; null where it has no finite value. `min` and `max` are absent where no bucket holds more than one value. */
export interface ColumnUpdate {
  mean: (number | null)[];
  min?: (number | null)[];
  max?: (number | null)[];
}

export type RunState = 'empty' | 'preparing' | 'training' | 'finished' | 'stopped';

/** Where a run stands: short, and told anew with every change. */
export interface RunFacts {
  id: string;
  /** Of the directory, shortened by what all runs have in common. */
  name: string;
  directory: string;
  state: RunState;
  /** Whether it lies in the server's own process. */
  live: boolean;
  task?: string;
  /** Its first and its last line, ISO 8601. */
  startedAt?: string;
  updatedAt?: string;
  /** For which it has run, all starts together. */
  seconds: number;
  secondsLeft?: number;
  step: number;
  totalSteps?: number;
  epoch?: number;
  epochs?: number;
  /** Of the last steps. */
  tokensPerSecond?: number;
  last?: Measured;
  /** The last evaluation of the validation split, and the best one. */
  evaluation?: Measured;
  best?: Measured;
  bestBy?: string;
  counts: RunCounts;
  /** Keys of the config whose values are not those that they have by default; absent where it cannot be read, or has not been yet. */
  differs?: Record<string, unknown>;
  /** How far the log has been read, in bytes. */
  read: number;
  size: number;
}

/** Numbers by the names of measures; null for one that is not finite. */
export interface Measured {
  step: number;
  [measure: string]: number | null;
}

export interface RunCounts {
  starts: number;
  evaluations: number;
  checkpoints: number;
  checkpointFailures: number;
  workerDeaths: number;
  notices: number;
  /** Lines of the log that could not be used. */
  skippedLines: number;
}

/** One event of the log as it stands there, without what is told elsewhere. */
export interface LogEvent {
  type: string;
  time?: string;
  step?: number;
  [key: string]: unknown;
}

/** What has changed of a run that the page shows. */
export interface RunUpdate {
  id: string;
  /** Whether what was known of it is void: the log was cut off or replaced, or the page is new. */
  reset: boolean;
  series: Record<string, SeriesUpdate>;
  /** Further events for the list. */
  events: LogEvent[];
  /** The last event of some types: start, samples, confusion, hardest, resources. */
  latest: Record<string, LogEvent>;
  /** The last few events of this type, where there are new ones. */
  timelines?: LogEvent[];
}

/** Facts of runs that are new or changed. */
export interface BoardUpdate {
  /** Whether runs that are not among these are gone. */
  reset: boolean;
  runs: RunFacts[];
  gone: string[];
  /** Whether there are runs beside those that are watched, of which nothing is told. */
  areMore: boolean;
}

/** One key of a config. */
export interface ConfigEntry {
  key: string;
  value: unknown;
  /** Its value by default; absent where it has none. */
  default?: unknown;
  differs: boolean;
  description?: string;
}

/** Answer to `/config`. */
export interface ConfigView {
  entries: ConfigEntry[];
  /** Why there are none. */
  fault?: string;
}

/** Answer to `/range`: a stretch of steps, finer than the page has it. */
export interface RangeView {
  series: Record<string, SeriesUpdate>;
}

/** Answer to `/at`: all that the log tells of one step. */
export interface StepView {
  step: number;
  events: LogEvent[];
}
