import type { TrainListener } from '../events.js';

/** Someone who watches a run. `observe` is called for every event and must be cheap. */
export interface Observer {
  observe: TrainListener;
  /** Lets go of files, timers and the terminal; further events are ignored. */
  close(): void;
}
