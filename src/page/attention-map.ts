import { groupIn, matrixIn, textIn, textsIn } from './event-values.js';
import { make, table } from './dom.js';

/** Which tokens of a source each token of its translation attended to, as a table of shades; undefined where that is not known. */
export function attentionMap(row: Record<string, unknown>): HTMLElement | undefined {
  const attention = groupIn(row, 'attention');
  if (attention === undefined) return undefined;
  const source = textsIn(attention, 'source');
  const weights = matrixIn(attention, 'weights');
  const target = textsIn(attention, 'target');
  const rows = target.map((token, at) =>
    make(
      'tr',
      {},
      make('th', { attributes: { scope: 'row' } }, shown(token)),
      ...source.map((_, from) => shade(weights[at]?.[from] ?? 0)),
    ),
  );
  const caption = `Attention of each token of the translation (rows) to those of the source: ${textIn(row, 'text') ?? ''}`;
  return make(
    'details',
    'attention',
    make('summary', {}, 'Attention: ', make('span', 'text', textIn(row, 'text') ?? '')),
    table(caption, ['token', ...source.map(shown)], rows, 'shades'),
  );
}

/** A cell that is the darker the nearer its value is to 1. */
export function shade(
  share: number,
  text = share < 0.005 ? '' : `${Math.round(100 * share)}`,
): HTMLTableCellElement {
  return make('td', { class: 'shade', variables: { '--share': share.toFixed(3) } }, text);
}

/** A token of which something is seen, also when it is a space. */
function shown(token: string): string {
  return token.replaceAll(' ', '␣').replaceAll('\n', '⏎').replaceAll('\t', '⇥');
}
