import { asFloats } from '../tensor/float-bits.js';
import { checkLabelledRows, labelledRows } from './labelled-rows.js';
import { NumberScores } from './number-scores.js';
import type { Task } from './task.js';

/** A number for every row: rows are read whole, and a row's last states tell its number. */
export const regress = {
  ...labelledRows,
  kind: 'regress',
  learns: 'a number of a row',
  model: 'a model of numbers',
  does: 'tells numbers',
  call: 'regress',
  target: 'number',
  named: { one: 'number', several: 'numbers' },
  losses: ['squared', 'absolute'],
  check: (config) => checkLabelledRows('regress', config),
  measures: () => ['mse', 'rmse', 'mae', 'r2'],
  measure() {
    const scores = new NumberScores();
    return {
      add({ rows, targets, predicted }) {
        const [numbers, told] = [asFloats(targets), asFloats(predicted)];
        for (let row = 0; row < rows; row++) scores.add(numbers[row]!, told[row]!);
      },
      result: () => scores.result(),
    };
  },
} as const satisfies Task;
