import { UserError } from '../../errors.js';
import { taskOf } from '../../tasks/registry.js';
import type { Task } from '../../tasks/task.js';
import type { TrainedModel } from '../library.js';

/**
 * @param expected what the command works with
 * @throws UserError for a model that another command uses
 */
export function expectUse(
  { config }: Pick<TrainedModel, 'config'>,
  run: string,
  command: Task['command'],
  expected: string,
): void {
  const { model, command: own } = taskOf(config.task);
  if (own !== command) throw new UserError(`${run}: expected ${expected}, got ${model}`);
}
