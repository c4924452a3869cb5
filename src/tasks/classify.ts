import type { Task, TaskConfig, TaskProblem } from './task.js';

/** A class for every row: rows are read whole, and a row's last states tell its class. */
export const classify = {
  kind: 'classify',
  learns: 'the class of a row',
  model: 'a classifier',
  does: 'predicts classes',
  call: 'classify',
  command: 'predict',
  rows: 'apart',
  carries: false,
  gives: 'text',
  formats: ['csv', 'tsv', 'jsonl', 'parquet'],
  expects: 'CSV, TSV, JSONL or Parquet',
  per: 'row',
  target: 'class',
  check({ data: { format, text, label } }: TaskConfig): TaskProblem[] {
    const problems: TaskProblem[] = [];
    if (format === 'text' || format === 'conll') {
      problems.push({
        path: ['data', 'format'],
        message: `expected "csv", "tsv" or "jsonl" for the task classify, whose rows need labels, got "${format}"`,
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
    const confusion = classes.map(() => new Array<number>(classes.length).fill(0));
    return {
      add({ rows, targets, predicted }) {
        for (let row = 0; row < rows; row++) confusion[targets[row]!]![predicted[row]!]! += 1;
      },
      result: () => ({ confusion }),
    };
  },
} as const satisfies Task;
