import { formatCount } from '../observe/figures.js';
import { shade } from './attention-map.js';
import { make, table } from './dom.js';
import { matrixIn, textsIn } from './event-values.js';

/** What was told of which class, as shares of each true class. */
export function confusionMatrix(event: Record<string, unknown>): HTMLElement {
  const classes = textsIn(event, 'classes');
  const counts = matrixIn(event, 'counts');
  const rows = classes.map((name, at) => {
    const line = counts[at] ?? [];
    const total = line.reduce((sum, count) => sum + count, 0);
    return make(
      'tr',
      {},
      make('th', { attributes: { scope: 'row' } }, name),
      ...classes.map((_, told) => {
        const count = line[told] ?? 0;
        const cell = shade(total === 0 ? 0 : count / total, count === 0 ? '·' : formatCount(count));
        if (told === at) cell.classList.add('right');
        return cell;
      }),
    );
  });
  return table(
    { shown: 'Rows: the true class; columns: the class that the model told' },
    ['class', ...classes],
    rows,
    'shades',
  );
}
