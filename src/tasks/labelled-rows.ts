import type { TaskConfig, TaskProblem } from './task.js';

/** What tasks have in common whose rows are a text with a label beside it. */
export const labelledRows = {
  command: 'predict',
  rows: 'apart',
  carries: false,
  gives: 'text',
  tokenizer: 'word',
  formats: ['csv', 'tsv', 'jsonl', 'parquet'],
  expects: 'CSV, TSV, JSONL or Parquet',
  per: 'row',
} as const;

/** @param task its name */
export function checkLabelledRows(
  task: string,
  { data: { format, text, label } }: TaskConfig,
): TaskProblem[] {
  const problems: TaskProblem[] = [];
  if (format === 'text' || format === 'conll') {
    problems.push({
      path: ['data', 'format'],
      message: `expected "csv", "tsv", "jsonl" or "parquet" for the task ${task}, whose rows need labels, got "${format}"`,
    });
  }
  if (String(text) === String(label)) {
    problems.push({
      path: ['data', 'label'],
      message: `expected another column than that of data.text, got ${JSON.stringify(label)}`,
    });
  }
  return problems;
}
