import type { LogEvent } from '../observe/board/wire.js';
import { formatCount } from '../observe/figures.js';
import { draw, make, refill, row, table } from './dom.js';
import { listIn, numberIn, textIn } from './event-values.js';
import { formatSeconds } from './format.js';
import type { ShownRun } from './shown-run.js';

const WIDTH = 1000;
const ROW = 26;
const PHASE_COLORS = 10;

interface Stretch {
  phase: string;
  begin: number;
  end: number;
}

/** What each worker did in the last steps that were looked at. */
export class TimelineSection {
  readonly #content = make('div', 'parts');
  readonly element = make(
    'section',
    { class: 'panel', attributes: { 'aria-label': "Workers' time" } },
    make('h2', {}, "Workers' time in single steps"),
    this.#content,
  );
  #shown: unknown;

  show({ data }: ShownRun): void {
    this.element.hidden = data.timelines.length === 0;
    if (data.timelines === this.#shown) return;
    this.#shown = data.timelines;
    const views = data.timelines.slice(-MOST_STEPS).reverse().map(timelineView);
    refill(this.#content, ...views);
  }
}

const MOST_STEPS = 3;

export function timelineView(event: LogEvent): HTMLElement {
  const workers = listIn(event, 'workers').map(stretchesOf);
  const all = workers.flat();
  const end = Math.max(...all.map((stretch) => stretch.end), 1e-9);
  const phases = [...new Set(all.map(({ phase }) => phase))];
  const colorOf = (phase: string) => `phase-${phases.indexOf(phase) % PHASE_COLORS}`;
  const step = formatCount(numberIn(event, 'step') ?? 0);
  const caption = `Step ${step}, ${formatSeconds(end)}`;
  const bars = workers.flatMap((stretches, at) =>
    stretches.map(({ phase, begin, end: until }) =>
      draw(
        'rect',
        {
          ...{ x: (WIDTH * begin) / end, y: at * ROW + 2, height: ROW - 4, class: colorOf(phase) },
          width: Math.max(0.5, (WIDTH * (until - begin)) / end),
        },
        draw('title', {}, `worker ${at + 1}, ${phase}: ${formatSeconds(until - begin)}`),
      ),
    ),
  );
  const rows = workers.map((stretches, at) =>
    row(
      `worker ${at + 1}`,
      ...phases.map((phase) =>
        formatSeconds(
          stretches
            .filter((each) => each.phase === phase)
            .reduce((sum, each) => sum + each.end - each.begin, 0),
        ),
      ),
    ),
  );
  return make(
    'div',
    'timeline',
    make('h3', {}, caption),
    draw(
      'svg',
      {
        ...{ viewBox: `0 0 ${WIDTH} ${workers.length * ROW}`, preserveAspectRatio: 'none' },
        ...{
          role: 'img',
          'aria-label': `${caption}: what each worker did; the table below has it in numbers`,
        },
        height: workers.length * ROW,
      },
      ...bars,
    ),
    make(
      'ul',
      'legend',
      ...phases.map((phase) => make('li', {}, make('span', `square ${colorOf(phase)}`), phase)),
    ),
    make(
      'details',
      'values',
      make('summary', {}, 'Values as a table'),
      table(caption, ['worker', ...phases], rows),
    ),
  );
}

function stretchesOf(worker: unknown): Stretch[] {
  if (!Array.isArray(worker)) return [];
  return worker.flatMap((each: unknown) => {
    if (typeof each !== 'object' || each === null) return [];
    const values = each as Record<string, unknown>;
    const [begin, end] = [numberIn(values, 'begin'), numberIn(values, 'end')];
    if (begin === undefined || end === undefined) return [];
    return { phase: textIn(values, 'phase') ?? '', begin, end };
  });
}
