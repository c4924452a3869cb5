import { classify } from './classify.js';
import { languageModel } from './language-model.js';
import type { Task } from './task.js';

/** Every task, by its name in a config. */
const tasks = { [classify.kind]: classify, [languageModel.kind]: languageModel } as const;

export type TaskKind = keyof typeof tasks;
export const TASKS = Object.keys(tasks) as [TaskKind, ...TaskKind[]];

export function taskOf(kind: TaskKind): Task {
  return tasks[kind];
}
