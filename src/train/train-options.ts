import type { TrainListener } from '../events.js';
import type { StopSignal } from './stop-signal.js';

/** How a run goes, beside what its config says. */
export interface TrainOptions {
  /** Where config, checkpoints and logs go. */
  runDir: string;
  /** Whether to go on with the run that lies there; false when absent. */
  resume?: boolean;
  /** Whether to go on also with a config or corpus that makes other weights of the run. */
  override?: boolean;
  /** Hears everything that happens. */
  listener?: TrainListener;
  /**
   * An AbortSignal: when it aborts, the step under way is finished or the evaluation left to a resume, a checkpoint written and the run ended. Where the data is
   * still being prepared that ends, and training is refused with the signal's reason: nothing of the run has been written then.
   */
  signal?: StopSignal;
}

/** How a corpus is prepared, beside what its config says. */
export interface PrepareOptions {
  /** When it aborts, the work ends as soon as it can, and is refused with the signal's reason; what has been cut is kept for the next time. */
  signal?: AbortSignal;
}
