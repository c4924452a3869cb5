import type { Task, TaskConfig, TaskProblem } from './task.js';

/** A class for every row: rows are read whole, and a row's last states tell its class. */
export const classify = {
  kind: 'classify',
  learns: 'the class of a row',
  model: 'a classifier',
  does: 'predicts classes',
  command: 'predict',
  rows: 'apart',
  carries: false,
  per: 'row',
  target: 'class',
  check({ data: { format, text, label } }: TaskConfig): TaskProblem[] {
    const problems: TaskProblem[] = [];
    if (format === 'text') {
      problems.push({
        path: ['data', 'format'],
        message:
          'expected "csv", "tsv" or "jsonl" for the task classify, whose rows need labels, got "text"',
      });
    }
    if (String(text) === String(label)) {
      problems.push({
        path: ['data', 'label'],
        message: `expected another column than that of data.text, got ${JSON.stringify(label)}`,
      });
    }
    return problems;
  },
  measure(classes) {
    const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
    return {
      add({ rows, targets, predicted }) {
        for (let row = 0; row < rows; row++) confusion[targets[row]!]![predicted[row]!]! += 1;
      },
      result: () => ({ confusion }),
    };
  },
} as const satisfies Task;
