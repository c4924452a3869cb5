import { LabelScores } from './label-scores.js';
import { checkLabelledRows, labelledRows } from './labelled-rows.js';
import type { Task } from './task.js';

/** Any number of labels for every row: rows are read whole, and a row's last states tell of each label whether it has it. */
export const multiLabel = {
  ...labelledRows,
  kind: 'multi-label',
  learns: 'any number of labels of a row',
  model: 'a multi-label classifier',
  does: 'predicts labels',
  call: 'classify',
  target: 'labels',
  named: { one: 'label', several: 'labels' },
  losses: ['binary'],
  check: (config) => checkLabelledRows('multi-label', config),
  measures: () => ['accuracy', 'f1'],
  measure: (classes) => new LabelScores(classes),
} as const satisfies Task;
