import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type {
  CheckpointEvent,
  EvaluationEvent,
  StartEvent,
  StepEvent,
  TrainEvent,
} from '../../src/events.js';
import type { MetricsServer } from '../../src/observe/server/serve.js';
import { packageFile } from '../../src/package-root.js';
import type { TrainOptions } from '../../src/train/run.js';
import { start, until } from '../e2e/cli.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { FailingDisk } from '../faults/failing-disk.js';
import { bundleModule, writeEntry } from '../faults/thread-module.js';
import { isPrometheusMissing, LivePrometheus } from './live-prometheus.js';
import { readEvents, startScraped } from './scraped-run.js';

/** Runs that a real Prometheus scrapes: what the board and the rules ask it for is there, and is what metrics.jsonl says. */

const needed = isPrometheusMissing
  ? ' (skipped: needs prometheus, which Debian has in a package of that name)'
  : '';

const cwd = makeWorkplace();
const prometheus = new LivePrometheus();
const servers: MetricsServer[] = [];

/** Each step takes so long at least: Prometheus is to see several stretches of a run. */
const STEP_MS = 20;
const pause = new Int32Array(new SharedArrayBuffer(4));

/** Trains as the command does, scraped from before the first step; the server stays open. */
async function run(name: string, yaml: string, options: Partial<TrainOptions> = {}) {
  const pace = (): void => void Atomics.wait(pause, 0, 0, STEP_MS);
  const scraped = await startScraped(prometheus, cwd, name, yaml, { ...options, pace });
  const { instance, server } = scraped;
  servers.push(server);
  await scraped.ended;
  const events = readEvents(scraped);
  await prometheus.until(`all steps of ${name} are scraped`, async () => {
    const steps = events.filter(({ type }) => type === 'step').length;
    const [found] = await prometheus.query(`lockstep_steps_total{instance="${instance}"}`);
    return found?.value === steps;
  });
  const of = <T extends TrainEvent['type']>(type: T) =>
    events.filter((event): event is Extract<TrainEvent, { type: T }> => event.type === type);
  return { name, instance, of };
}

type Run = Awaited<ReturnType<typeof run>>;
const runs: Partial<Record<'tags' | 'numbers' | 'pairs' | 'lost', Run>> = {};

const sum = (list: readonly number[]): number => list.reduce((all, each) => all + each, 0);

function writeCorpora(): void {
  const rows = Array.from({ length: 96 }, (_, i) =>
    Array.from({ length: 2 + (i % 4) }, (_, k) => `w${(i * (k + 3) + k * k) % 9}`),
  );
  const write = (file: string, lines: string[]): void =>
    writeFileSync(join(cwd, file), `${lines.join('\n')}\n`);
  write(
    'a.conll',
    rows.map((words) => words.map((word) => `${word} x B-${word}\n`).join('')),
  );
  write('a.numbers.csv', [
    'text,label',
    ...rows.map((words) => `${words.join(' ')},${words.length * 2.5}`),
    'a row without a number,none',
  ]);
  write(
    'a.source',
    rows.map((words) => words.join(' ')),
  );
  write(
    'a.target',
    rows.map((words) => words.toReversed().join(' ')),
  );
}

const common = (data: string): string =>
  `{ ${data}, validation: 0.2, storeDir: ${cwd}/stores, maxLength: 8, tokenizer: { kind: word, minCount: 1, filters: '' } }`;
const small = '{ embedding: 8, layers: [{ cell: lstm, hiddenSize: 12 }] }';
const settings = 'batchSize: 8, evaluateEverySteps: 50, checkpoint: { everySteps: 60 }';

/** Threads of which some die, each once. */
function mortalWorkers(): string {
  const deaths = [40, 90, 140].map((step) => ({
    ...{ step, phase: 'train', when: 'before', way: 'exit' },
  }));
  const folder = mkdtempSync(join(cwd, 'deaths-'));
  const call = `joinPlanned(${JSON.stringify(folder)}, ${JSON.stringify(deaths)})`;
  return writeEntry(join(cwd, 'mortal.mjs'), bundleModule(cwd, 'deaths.js'), call);
}

describe.skipIf(isPrometheusMissing)(`what Prometheus knows of runs${needed}`, () => {
  beforeAll(async () => {
    writeCorpora();
    await prometheus.start();
    runs.tags = await run(
      'tags',
      `task: tag\ndata: ${common(`train: ['${cwd}/a.conll']`)}\nmodel: ${small}\nworkers: 2
train: { ${settings}, epochs: 1000, maxSteps: 200, bestBy: f1 }\n`,
      { workerFile: mortalWorkers() },
    );
    runs.numbers = await run(
      'numbers',
      `task: regress\ndata: ${common(`train: ['${cwd}/a.numbers.csv'], onBadRow: skip`)}\nmodel: ${small}\nworkers: 1
train: { ${settings}, epochs: 1000, maxSteps: 150 }\n`,
    );
    const isFull = (path: string): boolean => /step-0*60\b/.test(path);
    runs.pairs = await run(
      'pairs',
      `task: translate\ndata: ${common(`train: [{ source: ${cwd}/a.source, target: ${cwd}/a.target }]`)}
model: { embedding: 8, encoder: { embedding: 8, layers: [{ cell: lstm, hiddenSize: 8 }] }, layers: [{ cell: lstm, hiddenSize: 12 }] }
workers: 1\ntrain: { ${settings}, epochs: 1000, maxSteps: 150, bestBy: chrf }\n`,
      {
        fs: new FailingDisk(({ kind, path }) =>
          kind === 'write' && isFull(path) ? 'ENOSPC' : undefined,
        ),
      },
    );
    runs.lost = await run(
      'lost',
      `task: regress\ndata: ${common(`train: ['${cwd}/a.numbers.csv'], onBadRow: skip`)}\nmodel: ${small}\nworkers: 1
train: { ${settings}, epochs: 1000, maxSteps: 150, maxBadSteps: 60, clipNorm: null, optimizer: { kind: sgd, learningRate: 10 } }\n`,
    );
  });

  beforeEach(() => prometheus.untilAllAnswer());

  afterAll(async () => {
    for (const server of servers) await server.close();
    await prometheus.close();
  });

  const valueOf = async ({ instance }: Run, metric: string, labels = ''): Promise<number> => {
    const [sample, ...others] = await prometheus.query(
      `${metric}{instance="${instance}"${labels}}`,
    );
    expect(others, metric).toEqual([]);
    return sample!.value;
  };

  test.each(['tags', 'numbers', 'pairs'] as const)(
    'the figures of a run, as its log has them: %s',
    async (name) => {
      const run = runs[name]!;
      const [begun] = run.of('start') as [StartEvent];
      const steps: StepEvent[] = run.of('step');
      const last = steps.at(-1)!;
      const evaluations: EvaluationEvent[] = run.of('evaluation');
      const evaluated = evaluations.at(-1)!;
      const checkpoints: CheckpointEvent[] = run.of('checkpoint');
      const best = evaluations.findLast((each) => each.best)!;
      const deaths = run.of('worker');
      const expected: Record<string, number | undefined> = {
        train_loss: last.loss,
        train_accuracy: last.accuracy,
        train_rmse: last.mse === undefined ? undefined : Math.sqrt(last.mse),
        gradient_norm: last.gradNorm,
        learning_rate: last.learningRate,
        worker_busy_ratio: last.busy,
        data_wait_ratio: last.phases['waiting for data']! / last.duration,
        fma_peak_ratio:
          (begun.flopsPerToken * last.tokens) / last.duration / (begun.workers * 100e9),
        steps_total: steps.length,
        rows_total: sum(steps.map(({ rows }) => rows)),
        tokens_total: sum(steps.map(({ tokens }) => tokens)),
        bad_steps_total: 0,
        step_duration_seconds_sum: sum(steps.map(({ duration }) => duration)),
        step_duration_seconds_count: steps.length,
        epoch: steps.length / begun.stepsPerEpoch,
        progress_ratio: 1,
        time_left_seconds: 0,
        workers: begun.workers,
        heap_bytes: begun.heapBytes,
        bad_rows_total: begun.badRows,
        worker_deaths_total: deaths.length,
        task_retries_total: deaths.length,
        evaluations_total: evaluations.length,
        evaluation_duration_seconds_sum: sum(evaluations.map(({ duration }) => duration)),
        validation_loss: evaluated.loss,
        validation_accuracy: evaluated.accuracy,
        validation_f1: evaluated.f1,
        validation_perplexity: evaluated.perplexity,
        validation_rmse: evaluated.rmse,
        validation_mae: evaluated.mae,
        validation_r2: evaluated.r2,
        validation_bleu: evaluated.bleu,
        validation_chrf: evaluated.chrf,
        validation_exact: evaluated.exact,
        best_validation: best[begun.bestBy],
        best_step: best.step,
        checkpoint_duration_seconds_sum: sum(checkpoints.map(({ duration }) => duration)),
        checkpoint_duration_seconds_count: checkpoints.length,
      };
      for (const [metric, value] of Object.entries(expected)) {
        const found = await prometheus.query(`lockstep_${metric}{instance="${run.instance}"}`);
        const told = found.map((sample) => sample.value);
        if (value === undefined) expect(told, metric).toEqual([]);
        else expect(value === 0 ? 1 + told[0]! : told[0]! / value, metric).toBeCloseTo(1, 9);
      }
      const outcomes = ['written', 'failed'].map((outcome) =>
        valueOf(run, 'lockstep_checkpoints_total', `,outcome="${outcome}"`),
      );
      const failed = run.of('checkpoint-failed').length;
      expect(await Promise.all(outcomes)).toEqual([checkpoints.length, failed]);
      const phases = await prometheus.query(
        `lockstep_step_phase_duration_seconds_sum{instance="${run.instance}"}`,
      );
      for (const { labels, value } of phases) {
        expect(value).toBeCloseTo(sum(steps.map((step) => step.phases[labels['phase']!] ?? 0)), 9);
      }
      expect(sum(phases.map(({ value }) => value))).toBeCloseTo(
        expected['step_duration_seconds_sum']!,
        6,
      );
      const memory = `sum(lockstep_planned_memory_bytes{instance="${run.instance}"})`;
      expect((await prometheus.query(memory))[0]!.value).toBe(begun.heapBytes);
      const [info] = await prometheus.query(`lockstep_run_info{instance="${run.instance}"}`);
      expect(info!.labels).toMatchObject({
        run: name,
        task: begun.task,
        profile: begun.backend.profile,
      });
    },
  );

  test('causes were there: deaths, rows left out, a checkpoint that failed', () => {
    expect(runs.tags!.of('worker')).toHaveLength(3);
    expect(runs.numbers!.of('start')[0]!.badRows).toBe(1);
    expect(runs.pairs!.of('checkpoint-failed').length).toBeGreaterThan(0);
  });

  test('every expression of the board has data', async () => {
    const board = readFileSync(packageFile('dashboards/grafana.json'), 'utf8');
    const { panels } = JSON.parse(board) as {
      panels: { title: string; targets: { expr: string }[] }[];
    };
    const expressions = panels.flatMap(({ title, targets }) =>
      targets.map(({ expr }) => ({ title, expr: expr.replaceAll('$instance', '.*') })),
    );
    expect(expressions.length).toBeGreaterThan(40);
    for (const { title, expr } of expressions) {
      const samples = await prometheus.query(expr);
      expect(
        samples.filter(({ value }) => Number.isFinite(value)),
        `${title}: ${expr}`,
      ).not.toEqual([]);
    }
    const shares = expressions.find(({ title }) => title === "Where a step's time goes")!;
    const each = await prometheus.query(shares.expr);
    expect(sum(each.map(({ value }) => value))).toBeCloseTo(1, 6);
    // The median of all runs' steps lies in the bucket that it belongs to.
    const median = expressions.find(({ expr }) => expr.includes('quantile(0.5'))!;
    const [told] = await prometheus.query(median.expr);
    const durations = Object.values(runs)
      .flatMap((one) => one.of('step').map(({ duration }) => duration))
      .sort((a, b) => a - b);
    expect(told!.value).toBeGreaterThan(durations[Math.floor(0.3 * durations.length)]! / 2.5);
    expect(told!.value).toBeLessThan(durations[Math.floor(0.7 * durations.length)]! * 2.5);
  });

  test('every rule can be evaluated, and what it looks at is there', async () => {
    const rules = await prometheus.rules();
    expect(rules.map(({ health }) => health)).toEqual(rules.map(() => 'ok'));
    for (const { name, query } of rules) {
      for (const [selector] of query.matchAll(/lockstep_\w+(\{[^}]*\})?/g)) {
        const found = await prometheus.query(`last_over_time(${selector}[1h])`);
        expect(found, `${name}: ${selector}`).not.toEqual([]);
      }
    }
  });

  test.each([
    ['workers that died', 'LockstepWorkersDie', 'tags'],
    ['a checkpoint that could not be written', 'LockstepCheckpointFailed', 'pairs'],
    ['steps that were not applied', 'LockstepBadSteps', 'lost'],
    ['a loss that is no number', 'LockstepLossIsNotFinite', 'lost'],
  ] as const)('an alert is raised by %s, and of no other run', async (_cause, alert, name) => {
    const { instance } = runs[name]!;
    const raised = async () => (await prometheus.alerts()).filter((each) => each.startsWith(alert));
    await prometheus.until(`${alert} is raised`, async () => (await raised()).length > 0);
    expect(new Set(await raised())).toEqual(new Set([`${alert} ${instance}`]));
  });

  test('an alert is raised by a run that is killed, and not before', async () => {
    const run = start(cwd, [
      ...['train', '--config', 'classifier.yaml', '--run-dir', 'runs/killed', '--workers', '1'],
      ...['--metrics-port', '0', '--set', 'train.maxSteps=1000000', 'train.epochs=1000000'],
    ]);
    const url = (): string | undefined => /Live page at (\S+?),? /.exec(run.stderr())?.[1];
    await until(run, () => url() !== undefined);
    const instance = await prometheus.watch(url()!);
    await prometheus.until('it trains', async () => {
      const state = `lockstep_run_state{instance="${instance}",state="training"}`;
      return (await prometheus.query(state))[0]?.value === 1;
    });
    const alert = `LockstepRunDied ${instance}`;
    expect(await prometheus.alerts()).not.toContain(alert);
    run.child.kill('SIGKILL');
    await run.ended;
    await prometheus.until('it is raised', async () => (await prometheus.alerts()).includes(alert));
  });
});
