import { MEASURE_NAMES, measureKind } from '../measures.js';
import { formatCount } from '../observe/figures.js';
import type { LogEvent } from '../observe/board/wire.js';
import { confusionMatrix } from './confusion-matrix.js';
import { make, row, table } from './dom.js';
import { groupsIn, numberIn } from './event-values.js';
import { formatMeasure } from './format.js';
import { rowsTable } from './rows-table.js';

/** All that is known of one evaluation, part by part. */
export function evaluationView(events: readonly LogEvent[]): HTMLElement[] {
  const parts: HTMLElement[] = [];
  const evaluations = events.filter(({ type }) => type === 'evaluation');
  if (evaluations.length > 0) parts.push(measures(evaluations));
  for (const event of events) {
    const rows = groupsIn(event, 'rows');
    if (event.type === 'samples' && rows.length > 0) {
      const isOlder = evaluations.length > 0 && event.step !== evaluations[0]!.step;
      const title = isOlder ? `Samples after step ${formatCount(event.step ?? 0)}` : 'Samples';
      parts.push(part(title, rowsTable('Samples of what the model makes of rows', rows)));
    } else if (event.type === 'hardest' && rows.length > 0) {
      parts.push(part('Hardest rows', rowsTable('Rows with the greatest loss', rows)));
    } else if (event.type === 'confusion') {
      parts.push(part('Confusion of classes', confusionMatrix(event)));
    }
  }
  return parts;
}

function measures(evaluations: readonly LogEvent[]): HTMLElement {
  const names = MEASURE_NAMES.filter((name) => evaluations.some((event) => name in event));
  const rows = evaluations.map((event) =>
    row(
      String(event['split']),
      ...names.map((name) => formatMeasure(name, numberIn(event, name) ?? null)),
      event['best'] === true ? 'best so far' : '',
    ),
  );
  const head = ['split', ...names.map((name) => measureKind(name).label), 'remark'];
  return table('Measures of this evaluation', head, rows);
}

function part(title: string, content: HTMLElement): HTMLElement {
  return make('div', 'part', make('h3', {}, title), content);
}
