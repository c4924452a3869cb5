import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { parse } from 'yaml';
import { DurationHistogram } from '../../src/observe/duration-histogram.js';
import {
  describeMetrics,
  DURATION_BUCKETS,
  METRICS,
  type MetricDefinition,
} from '../../src/observe/metric-definitions.js';
import { packageVersion } from '../../src/package-root.js';
import { collectMetrics, type MetricsObserver } from '../../src/observe/metrics.js';
import { RUN_STATES } from '../../src/observe/status.js';
import { startEvent, stepEvent } from './events.js';

const root = new URL('../../', import.meta.url);

async function read(metrics: MetricsObserver, name: string): Promise<string | undefined> {
  const text = await metrics.registry.metrics();
  return text
    .split('\n')
    .find((line) => line.startsWith(`${name} `))
    ?.slice(name.length + 1);
}

describe('Prometheus sees', () => {
  test('the last step, and totals over all', async () => {
    const metrics = collectMetrics();
    metrics.observe(startEvent());
    metrics.observe(stepEvent(1));
    metrics.observe(stepEvent(2));
    const values: Record<string, string | undefined> = {};
    for (const name of [
      'lockstep_train_loss',
      'lockstep_train_accuracy',
      'lockstep_gradient_norm',
      'lockstep_learning_rate',
      'lockstep_steps_total',
      'lockstep_rows_total',
      'lockstep_tokens_total',
      'lockstep_step_duration_seconds_count',
      'lockstep_step_duration_seconds_bucket{le="0.01"}',
      'lockstep_step_duration_seconds_bucket{le="0.025"}',
      'lockstep_step_phase_duration_seconds_sum{phase="gradient"}',
      'lockstep_worker_busy_ratio',
      'lockstep_workers',
      'lockstep_heap_bytes',
      'lockstep_epoch',
      'lockstep_progress_ratio',
    ]) {
      values[name] = await read(metrics, name);
    }
    expect(values).toEqual({
      lockstep_train_loss: '0.5',
      lockstep_train_accuracy: '0.75',
      lockstep_gradient_norm: '2.5',
      lockstep_learning_rate: '0.001',
      lockstep_steps_total: '2',
      lockstep_rows_total: '64',
      lockstep_tokens_total: '640',
      lockstep_step_duration_seconds_count: '2',
      'lockstep_step_duration_seconds_bucket{le="0.01"}': '0',
      'lockstep_step_duration_seconds_bucket{le="0.025"}': '2',
      'lockstep_step_phase_duration_seconds_sum{phase="gradient"}': '0.03',
      lockstep_worker_busy_ratio: '0.9',
      lockstep_workers: '2',
      lockstep_heap_bytes: '3145728',
      lockstep_epoch: '0.05',
      lockstep_progress_ratio: '0.02',
    });
  });

  test('evaluations on the validation split, checkpoints, lost workers, the process', async () => {
    const metrics = collectMetrics();
    const evaluation = {
      type: 'evaluation',
      step: 1,
      loss: 0.5,
      accuracy: 0.8,
      targets: 10,
      duration: 1,
      best: true,
    } as const;
    metrics.observe({ ...evaluation, split: 'validation' });
    metrics.observe({ ...evaluation, split: 'test', loss: 9 });
    metrics.observe({ type: 'checkpoint', step: 1, path: 'c', bytes: 1, duration: 0.2 });
    metrics.observe({ type: 'worker', kind: 'died', reason: 'exit' });
    expect(await read(metrics, 'lockstep_validation_loss')).toBe('0.5');
    expect(await read(metrics, 'lockstep_validation_accuracy')).toBe('0.8');
    const checkpoints = (outcome: string) =>
      read(metrics, `lockstep_checkpoints_total{outcome="${outcome}"}`);
    expect([await checkpoints('written'), await checkpoints('failed')]).toEqual(['1', '0']);
    expect(await read(metrics, 'lockstep_checkpoint_duration_seconds_sum')).toBe('0.2');
    metrics.observe({ type: 'worker', kind: 'died', reason: 'exit', retried: true });
    expect(await read(metrics, 'lockstep_worker_deaths_total')).toBe('2');
    expect(await read(metrics, 'lockstep_task_retries_total')).toBe('1');
    expect(await read(metrics, 'lockstep_evaluations_total')).toBe('1');
    expect(await read(metrics, 'lockstep_evaluation_duration_seconds_sum')).toBe('1');
    metrics.observe({ type: 'checkpoint-failed', step: 2, reason: 'no space' });
    expect(await checkpoints('failed')).toBe('1');
    expect(Number(await read(metrics, 'process_resident_memory_bytes'))).toBeGreaterThan(1e6);
  });

  test('errors of numbers in their unit, and no accuracy of them', async () => {
    const metrics = collectMetrics();
    const numbers = { accuracy: undefined, mse: 6.25 };
    metrics.observe(stepEvent(1, numbers));
    metrics.observe({
      ...{ type: 'evaluation', step: 1, split: 'validation', loss: 0.5, mse: 4, rmse: 2 },
      ...{ targets: 10, duration: 1, best: true },
    });
    expect(await read(metrics, 'lockstep_train_rmse')).toBe('2.5');
    expect(await read(metrics, 'lockstep_validation_rmse')).toBe('2');
    expect(await read(metrics, 'lockstep_train_accuracy')).toBeUndefined();
    expect(await read(metrics, 'lockstep_validation_accuracy')).toBeUndefined();
  });

  test('translations of the last evaluation that had some', async () => {
    const metrics = collectMetrics();
    const evaluation = { type: 'evaluation', split: 'validation', loss: 0.5 } as const;
    const others = { targets: 10, duration: 1, best: true };
    metrics.observe({ ...evaluation, ...others, step: 1 });
    expect(await read(metrics, 'lockstep_validation_bleu')).toBeUndefined();
    metrics.observe({ ...evaluation, ...others, step: 2, bleu: 31.5, chrf: 52, exact: 0.25 });
    expect(await read(metrics, 'lockstep_validation_bleu')).toBe('31.5');
    expect(await read(metrics, 'lockstep_validation_chrf')).toBe('52');
    expect(await read(metrics, 'lockstep_validation_exact')).toBe('0.25');
  });

  test('steps that were not applied', async () => {
    const metrics = collectMetrics();
    metrics.observe(stepEvent(1, { loss: NaN }));
    metrics.observe(stepEvent(2, { gradNorm: Infinity }));
    metrics.observe(stepEvent(3));
    expect(await read(metrics, 'lockstep_bad_steps_total')).toBe('2');
  });

  test('what the run is doing: in a single state at any time', async () => {
    const metrics = collectMetrics();
    const states = async () => {
      const values = RUN_STATES.map(async (state) => [
        state,
        await read(metrics, `lockstep_run_state{state="${state}"}`),
      ]);
      return (await Promise.all(values)).filter(([, value]) => value === '1').flatMap(([s]) => s);
    };
    expect(await states()).toEqual(['preparing']);
    metrics.observe({
      ...{ type: 'prepare', phase: 'tokenize', bytesDone: 5, bytesTotal: 9 },
      ...{ rows: 1, tokens: 1, storeDir: 's' },
    });
    expect(await read(metrics, 'lockstep_prepared_bytes')).toBe('5');
    expect(await states()).toEqual(['preparing']);
    metrics.observe(startEvent());
    metrics.observe(stepEvent(1));
    expect(await states()).toEqual(['training']);
    for (const reason of ['stopped', 'finished'] as const) {
      metrics.observe({ type: 'end', reason, step: 1, duration: 1, checkpoint: 'c' });
      expect(await states()).toEqual([reason]);
    }
  });

  test('no value of what has not been measured', async () => {
    const text = await collectMetrics().registry.metrics();
    const names = text.matchAll(/^(lockstep_\w+)(?:\{[^}]*\})? /gm);
    const gauges = [...new Set([...names].map(([, name]) => name!))].filter(
      (name) => !/_(total|bucket|sum|count)$/.test(name),
    );
    expect(gauges).toEqual(['lockstep_build_info', 'lockstep_run_state']);
  });

  test('which run it is, what its memory is for, what its data lacks, and the best of earlier starts', async () => {
    const metrics = collectMetrics();
    metrics.observe(
      startEvent({
        ...{ runDir: '/somewhere/runs/tiny', bestBy: 'f1' },
        best: { step: 40, loss: 0.5, f1: 0.75, by: 'f1' },
      }),
    );
    const info = 'run="tiny",task="classify",backend="wasm",profile="fma",config="0123456789ab"';
    expect(await read(metrics, `lockstep_run_info{${info}}`)).toBe('1');
    const build = `lockstep_build_info{version="${packageVersion()}",node="${process.version}"}`;
    expect(await read(metrics, build)).toBe('1');
    expect(await read(metrics, 'lockstep_planned_memory_bytes{kind="weights"}')).toBe('1048576');
    expect(await read(metrics, 'lockstep_bad_rows_total')).toBe('3');
    const best = () => read(metrics, 'lockstep_best_validation{measure="f1"}');
    expect([await best(), await read(metrics, 'lockstep_best_step')]).toEqual(['0.75', '40']);
    const evaluation = { type: 'evaluation', split: 'validation', loss: 9, targets: 1 } as const;
    metrics.observe({ ...evaluation, step: 50, f1: 0.5, duration: 1, best: false });
    expect([await best(), await read(metrics, 'lockstep_best_step')]).toEqual(['0.75', '40']);
    metrics.observe({ ...evaluation, step: 60, f1: 0.875, duration: 1, best: true });
    expect([await best(), await read(metrics, 'lockstep_best_step')]).toEqual(['0.875', '60']);
    expect(await read(metrics, 'lockstep_validation_f1')).toBe('0.875');
  });

  test('what share of the peak of the cores a step reaches, how long it waited for data, and the time left', async () => {
    let asked = 0;
    const metrics = collectMetrics((backend) => {
      asked++;
      expect(backend).toBe('wasm');
      return 2;
    });
    metrics.observe(startEvent({ workers: 1, flopsPerToken: 1e6, fromStep: 10 }));
    metrics.observe(
      stepEvent(11, {
        ...{ tokens: 100, duration: 0.25, phases: { recurrence: 0.2, 'waiting for data': 0.05 } },
      }),
    );
    metrics.observe(stepEvent(12, { tokens: 100, duration: 0.5 }));
    expect(asked).toBe(1);
    // 10⁸ operations in half a second, of 2·10⁹ a second.
    expect(Number(await read(metrics, 'lockstep_fma_peak_ratio'))).toBeCloseTo(0.1, 9);
    expect(await read(metrics, 'lockstep_data_wait_ratio')).toBe('0');
    metrics.observe(stepEvent(13, { duration: 0.5, phases: { 'waiting for data': 0.05 } }));
    expect(await read(metrics, 'lockstep_data_wait_ratio')).toBe('0.1');
    expect(Number(await read(metrics, 'lockstep_time_left_seconds'))).toBeGreaterThan(0);
    metrics.observe({ type: 'end', reason: 'finished', step: 100, duration: 1, checkpoint: 'c' });
    expect(await read(metrics, 'lockstep_time_left_seconds')).toBe('0');
  });

  test('durations as those of prom-client, of any length', async () => {
    const registry = new Registry();
    const options = { name: 'a_seconds', help: 'h', labelNames: ['phase'] };
    const oracle = new Histogram({ ...options, buckets: DURATION_BUCKETS, registers: [registry] });
    const own = new DurationHistogram({
      ...{ name: 'a_seconds', kind: 'histogram', help: 'h', labels: ['phase'] },
    });
    const ownRegistry = new Registry();
    ownRegistry.registerMetric(own.asMetric());
    const values = fc.array(
      fc.record({
        phase: fc.constantFrom('one', 'other'),
        seconds: fc.oneof(
          fc.double({ min: 0, max: 1000, noNaN: true }),
          fc.constantFrom(...DURATION_BUCKETS),
        ),
      }),
      { minLength: 1 },
    );
    await fc.assert(
      fc.asyncProperty(values, async (all) => {
        oracle.reset();
        own.reset();
        for (const { phase, seconds } of all) {
          oracle.observe({ phase }, seconds);
          own.observe(seconds, phase);
        }
        expect(await ownRegistry.metrics()).toBe(await registry.metrics());
      }),
    );
  });

  test('each run by itself', async () => {
    const [one, other] = [collectMetrics(), collectMetrics()];
    one.observe(stepEvent(1));
    expect(await read(other, 'lockstep_steps_total')).toBe('0');
  });
});

describe('the documents are true', () => {
  const byName = new Map<string, MetricDefinition>(
    Object.values(METRICS).map((metric) => [metric.name, metric]),
  );

  test('docs/metrics.md has the table that scripts/metrics-table.js writes', async () => {
    const text = await readFile(new URL('docs/metrics.md', root), 'utf8');
    const [, table] = text.split('<!-- metrics -->\n\n');
    const rows = table!.split('\n\n')[0]!.split('\n');
    const plain = (row: string) => row.replaceAll(/ +/g, ' ').replaceAll(/-+/g, '-').trim();
    expect(rows.map(plain), 'run it after npm run build').toEqual(describeMetrics().map(plain));
  });

  test('what is registered is what is defined', () => {
    const registered = collectMetrics()
      .registry.getMetricsAsArray()
      .map(({ name }) => name)
      .filter((name) => name.startsWith('lockstep_'));
    expect(registered).toEqual([...byName.keys()]);
  });

  test('names follow the rules of Prometheus', () => {
    for (const { name, kind } of byName.values()) {
      expect(name).toMatch(/^[a-z]+(_[a-z0-9]+)*$/);
      expect(name.endsWith('_total')).toBe(kind === 'counter');
      if (kind === 'histogram') expect(name).toMatch(/_seconds$/);
      expect(name).not.toMatch(/_(milliseconds|ms|percent|kib|mib)\b/);
    }
  });

  /** What an expression asks of metrics of ours that there is not. */
  function complaints(text: string): string[] {
    const found: string[] = [];
    const known = ['job', 'instance', 'le', ...[...byName.values()].flatMap((m) => m.labels ?? [])];
    for (const [, used, , selectors = ''] of text.matchAll(/\b(lockstep_\w+)(\{([^}]*)\})?/g)) {
      const name = used!.replace(/_(bucket|sum|count)$/, '');
      const metric = byName.get(name);
      const isSeries = metric !== undefined && (metric.kind === 'histogram') === (name !== used);
      if (!isSeries) found.push(`there is no ${used!}`);
      for (const [, label] of selectors.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
        const own = ['job', 'instance', ...(metric?.labels ?? [])];
        if (!own.includes(label!)) found.push(`${used!} has no label ${label!}`);
      }
    }
    const clauses = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
    for (const [, list] of text.matchAll(clauses)) {
      for (const label of list!.split(',').map((each) => each.trim())) {
        if (label !== '' && !known.includes(label)) found.push(`nothing has a label ${label}`);
      }
    }
    return found;
  }

  test.each([
    ['lockstep_step_total', 'there is no lockstep_step_total'],
    ['rate(lockstep_step_duration_seconds[1m])', 'there is no lockstep_step_duration_seconds'],
    ['lockstep_steps_total_count', 'there is no lockstep_steps_total_count'],
    ['lockstep_epoch{phase="a"}', 'lockstep_epoch has no label phase'],
    ['sum by (stage) (lockstep_epoch)', 'nothing has a label stage'],
  ])('an expression that asks for what is not there is found: %s', (expression, complaint) => {
    expect(complaints(expression)).toEqual([complaint]);
  });

  test('dashboards/ parse and ask only for metrics and labels that exist', async () => {
    const folder = new URL('dashboards/', root);
    const files = await readdir(folder);
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      const text = await readFile(new URL(file, folder), 'utf8');
      expect(parse(text), file).toBeTypeOf('object');
      expect(complaints(text.replaceAll('\\"', '"')), file).toEqual([]);
    }
  });

  test('the board shows every metric but those that only rules ask for', async () => {
    const board = await readFile(new URL('dashboards/grafana.json', root), 'utf8');
    const shown = [...board.matchAll(/lockstep_\w+/g)].map(([name]) =>
      name.replace(/_(bucket|sum|count)$/, ''),
    );
    const missing = [...byName.keys()].filter((name) => !shown.includes(name));
    expect(missing).toEqual(['lockstep_prepared_bytes', 'lockstep_steps_total']);
  });

  test('pages name only metrics that exist', async () => {
    const pages = await readdir(new URL('docs/', root));
    for (const page of pages.filter((name) => name.endsWith('.md'))) {
      const text = await readFile(new URL(`docs/${page}`, root), 'utf8');
      for (const [name] of text.matchAll(/\blockstep_(?!serve_)[a-z]\w+/g)) {
        expect(byName.has(name.replace(/_(bucket|sum|count)$/, '')), `${page}: ${name}`).toBe(true);
      }
    }
  });
});
