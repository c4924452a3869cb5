import type { RunFacts } from '../observe/board/wire.js';
import { formatCount, formatDuration } from '../observe/figures.js';
import { make, refill, setText } from './dom.js';
import { formatMeasure } from './format.js';

/** Name, state and figures of the run that is looked at. */
export class Header {
  readonly #name = make('h1', {}, 'Lockstep');
  readonly #state = make('span', { class: 'state', attributes: { 'aria-live': 'polite' } });
  readonly #directory = make('p', 'soft');
  readonly #progress = make('progress', {
    attributes: { max: 1, value: 0, 'aria-label': 'Steps done' },
  });
  readonly #figures = make('dl', 'figures');
  readonly #reading = make('p', { class: 'soft', attributes: { 'aria-live': 'polite' } });
  readonly element = make(
    'header',
    {},
    make('div', 'title', this.#name, this.#state),
    this.#directory,
    this.#progress,
    this.#figures,
    this.#reading,
  );

  show(facts: RunFacts | undefined, isConnected: boolean): void {
    if (facts === undefined) {
      this.#showState(isConnected ? 'no run yet' : 'connecting …');
      return;
    }
    const state = describeState(facts, isConnected);
    this.#showState(state);
    document.title = `${facts.name}: ${state}`;
    setText(this.#name, facts.name);
    setText(this.#directory, facts.directory);
    this.#progress.value = facts.totalSteps ? facts.step / facts.totalSteps : 0;
    refill(
      this.#figures,
      ...listFigures(facts).map(([name, value]) =>
        make('div', {}, make('dt', {}, name), make('dd', {}, value)),
      ),
    );
    const share = facts.size === 0 ? 1 : facts.read / facts.size;
    setText(
      this.#reading,
      share < 0.99 ? `Reading the log: ${Math.floor(100 * share)} % so far` : '',
    );
  }

  #showState(state: string): void {
    setText(this.#state, state);
    this.#state.dataset['state'] = state.split(/\W/)[0];
  }
}

const SILENT_SECONDS = 120;

export function describeState(facts: RunFacts, isConnected = true): string {
  const { state, updatedAt, live } = facts;
  const isRunning = state === 'training' || state === 'preparing';
  if (!isRunning) return state === 'empty' ? 'nothing logged yet' : state;
  if (!isConnected) return live ? 'not reachable' : `${state}, not reachable`;
  const seconds = updatedAt === undefined ? 0 : (Date.now() - Date.parse(updatedAt)) / 1000;
  // It may compute a long step, or have died.
  return !live && seconds > SILENT_SECONDS ? `silent for ${formatDuration(seconds)}` : state;
}

function listFigures(facts: RunFacts): [string, string][] {
  const {
    step,
    totalSteps,
    epoch,
    epochs,
    last,
    evaluation,
    best,
    bestBy = 'loss',
    counts,
  } = facts;
  const list: [string, string][] = [
    [
      'Step',
      totalSteps === undefined
        ? formatCount(step)
        : `${formatCount(step)} / ${formatCount(totalSteps)}`,
    ],
  ];
  if (epoch && epochs) list.push(['Epoch', `${epoch} / ${epochs}`]);
  if (last !== undefined) list.push(['Training loss', formatMeasure('loss', last['loss'])]);
  if (evaluation !== undefined) {
    for (const name of ['loss', 'accuracy', 'f1', 'rmse', 'bleu'] as const) {
      const value = evaluation[name];
      if (value === undefined) continue;
      list.push([
        `Validation ${name === 'bleu' || name === 'rmse' || name === 'f1' ? name.toUpperCase() : name}`,
        formatMeasure(name, value),
      ]);
    }
  }
  if (best !== undefined)
    list.push([
      'Best after step',
      `${formatCount(best.step)} (${formatMeasure(bestBy, best[bestBy])})`,
    ]);
  if (facts.tokensPerSecond !== undefined)
    list.push(['Tokens per second', formatCount(facts.tokensPerSecond)]);
  list.push(['Time', formatDuration(facts.seconds)]);
  if (facts.secondsLeft !== undefined && facts.state === 'training') {
    list.push(['Time left', formatDuration(facts.secondsLeft)]);
  }
  if (counts.workerDeaths > 0) list.push(['Workers lost', formatCount(counts.workerDeaths)]);
  if (counts.checkpointFailures > 0) {
    list.push(['Checkpoints failed', formatCount(counts.checkpointFailures)]);
  }
  if (counts.skippedLines > 0)
    list.push(['Lines not understood', formatCount(counts.skippedLines)]);
  return list;
}
