import type { TrainListener } from '../events.js';
import type { Evaluation } from '../train/trained-model.js';

/** What exports for browsers are asked and told. Types alone: the library's public face names them. */

export interface WebExportOptions {
  /** `best` (the default), `latest`, or the name of a checkpoint. */
  checkpoint?: string;
  /** `int8` takes a quarter of the space, and says what is lost by it; float32 where absent. */
  weights?: 'float32' | 'int8';
  /** Files that the loss by int8 is measured on; the validation split where absent. */
  data?: readonly string[];
  /** Whether an export that is there may be replaced. */
  overwrite?: boolean;
  /** Hears how the data is prepared that is measured on, and what is odd about the run. */
  listener?: TrainListener;
}

export interface WebExport {
  /** Directory of the checkpoint whose weights these are. */
  checkpoint: string;
  files: { name: string; bytes: number }[];
  /** Of int8: what evaluations say with either weights, and of what. */
  measured?: WeightsCompared;
}

/** Two evaluations on the same rows. */
export interface WeightsCompared {
  /** What was measured on, in words. */
  on: string;
  before: Evaluation;
  after: Evaluation;
}
