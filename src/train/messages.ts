import type { Phase } from '../model/network.js';

/** One worker's share of a phase: all that is ever posted to a worker. */
export interface Task {
  phase: Phase;
  /** Which laid-out batch. */
  slot: number;
  part: number;
}
