import { formatNumber, formatShare } from '../observe/figures.js';
import { numberIn, textIn } from './event-values.js';
import { make, row, table } from './dom.js';
import { attentionMap } from './attention-map.js';

/** Rows that a model was tried on: what is asked, what is right, what it says. */
export function rowsTable(caption: string, rows: readonly Record<string, unknown>[]): HTMLElement {
  const has = (key: string) => rows.some((each) => key in each);
  const columns = [
    ...(has('target') ? ['target'] : []),
    ...(has('predicted') ? ['predicted'] : []),
    ...(has('probability') ? ['probability'] : []),
    ...(has('loss') ? ['loss'] : []),
  ];
  const heads = { target: 'expected', predicted: 'model', probability: 'sure by', loss: 'loss' };
  const body = rows.map((each) => {
    const line = row(
      make('span', 'text', textIn(each, 'text') ?? ''),
      ...columns.map((key) => cellOf(each, key)),
    );
    const { target, predicted } = each;
    const isWrong = target !== undefined && predicted !== undefined && target !== predicted;
    if (isWrong) line.classList.add('wrong');
    return line;
  });
  const names = columns.map((key) => heads[key as keyof typeof heads]);
  return make(
    'div',
    {},
    table(caption, ['text', ...names], body, 'rows'),
    ...rows.flatMap((each) => attentionMap(each) ?? []),
  );
}

function cellOf(values: Record<string, unknown>, key: string): HTMLElement | string {
  if (key === 'probability') {
    const share = numberIn(values, key);
    return share === undefined ? '' : formatShare(share);
  }
  if (key === 'loss') {
    const loss = numberIn(values, key);
    return loss === undefined ? '' : formatNumber(loss);
  }
  return make('span', 'text', textIn(values, key) ?? '');
}
