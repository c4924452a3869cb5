import { UserError } from '../errors.js';
import type { Phase } from '../model/phases.js';

/** Tells that a task took every worker with it that tried. */
export class TaskFailure extends UserError {
  constructor(
    message: string,
    /** What is half done now. */
    readonly phase: Phase,
    options: ErrorOptions,
  ) {
    super(message, options);
  }
}
