import type { Writable } from 'node:stream';
import type { Library } from './library.js';

/** What a command has to do with the world; tests bring their own. */
export interface Context {
  /** Results. */
  readonly stdout: Writable;
  /** Progress, notices and errors. */
  readonly stderr: Writable & { isTTY?: boolean };
  /** The command that starts the program where the user stands, for hints. */
  readonly program: string;
  loadLibrary(): Promise<Library>;
  /** What opens models alone, which takes less time. */
  loadModels(): Promise<Pick<Library, 'openModel'>>;
  /**
   * From now on the first SIGINT, SIGTERM or SIGHUP does not end the process but aborts `signal`; the
   * second one ends it at once.
   *
   * @param onFirst says false when the first one is to end it at once, too
   */
  catchSignals(onFirst: () => boolean): CaughtSignals;
  /** Exit status of the process; a command changes it where it ends well but not as planned. */
  status: number;
}

export interface CaughtSignals {
  readonly signal: AbortSignal;
  /** 128 plus the number of the signal that came, by which shells know it; undefined before. */
  readonly status: number | undefined;
  /** Gives the signals their usual effect back. */
  release(): void;
}
