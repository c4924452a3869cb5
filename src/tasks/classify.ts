import { checkLabelledRows, labelledRows } from './labelled-rows.js';
import type { Task } from './task.js';

/** A class for every row: rows are read whole, and a row's last states tell its class. */
export const classify = {
  ...labelledRows,
  kind: 'classify',
  learns: 'the class of a row',
  model: 'a classifier',
  does: 'predicts classes',
  call: 'classify',
  target: 'class',
  named: { one: 'class', several: 'classes' },
  losses: ['softmax'],
  check: (config) => checkLabelledRows('classify', config),
  measures: () => ['accuracy'],
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
