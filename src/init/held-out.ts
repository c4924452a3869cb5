import { dealRows } from '../data/prepare/work/split.js';
import { splitName } from '../data/input/sources.js';

/** How many of a hundred rows are held out to validate on: from the usual share down. */
const SHARES = [0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03, 0.02, 0.01, 0.005];

/**
 * The largest share of the rows to hold out, up to the usual one, that leaves each class a row to train on: chance, which is the same
 * whenever the file is prepared, may hold out all rows of a class that has few.
 *
 * @param path of the file
 * @param classes of each row, in the file's order
 * @returns undefined where every share holds out all rows of some class
 */
export function chooseHeldOut(
  path: string,
  classes: readonly (readonly string[])[],
  usual: number,
): number | undefined {
  const all = new Set(classes.flat()).size;
  return SHARES.filter((share) => share <= usual).find((validation) => {
    const splitOf = dealRows(splitName({ path, format: 'text' }), { validation, test: 0 });
    const trained = classes.filter((_, i) => splitOf(i + 1) === 'train');
    return trained.length < classes.length && new Set(trained.flat()).size === all;
  });
}
