import type { KeyPath } from './expectation.js';

/** Something wrong with a configuration: where, and one sentence about it. */
export interface Problem {
  path: KeyPath;
  message: string;
}
