import type { RunFacts } from '../observe/board/wire.js';
import type { RunData } from './store.js';

/** A run that is shown, and how it is told from others. */
export interface ShownRun {
  facts: RunFacts;
  data: RunData;
  /** Custom properties of CSS that hold its colours. */
  color: string;
  second: string;
  /** Before the names of its lines, where several runs are shown. */
  prefix: string;
}
