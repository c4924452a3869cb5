import type { TrainEvent, TrainListener } from '../events.js';

/** Someone who watches a run. `observe` is called for every event and must be cheap. */
export interface Observer {
  observe: TrainListener;
  /** Lets go of files, timers and the terminal; further events are ignored. */
  close(): void;
}

/** What is done with events of some types. */
export type Handlers = {
  readonly [Type in TrainEvent['type']]?: (event: Extract<TrainEvent, { type: Type }>) => void;
};

/** Hands events on by their types; those that nobody handles pass. */
export function byType(handlers: Handlers): TrainListener {
  return (event) => (handlers[event.type] as TrainListener | undefined)?.(event);
}
