import { classify } from './classify.js';
import { languageModel } from './language-model.js';
import { multiLabel } from './multi-label.js';
import { regress } from './regress.js';
import { tag } from './tag.js';
import type { Task } from './task.js';
import { translate } from './translate.js';

/** Every task, by its name in a config. */
const tasks = {
  [classify.kind]: classify,
  [multiLabel.kind]: multiLabel,
  [languageModel.kind]: languageModel,
  [tag.kind]: tag,
  [regress.kind]: regress,
  [translate.kind]: translate,
} as const;

export type TaskKind = keyof typeof tasks;
export const TASKS = Object.keys(tasks) as [TaskKind, ...TaskKind[]];

export function taskOf(kind: TaskKind): Task {
  return tasks[kind];
}
