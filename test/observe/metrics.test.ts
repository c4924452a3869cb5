import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
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
      'lockstep_step_phase_seconds_total{phase="gradient"}',
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
      'lockstep_step_phase_seconds_total{phase="gradient"}': '0.03',
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
    expect(await read(metrics, 'lockstep_checkpoints_total')).toBe('1');
    expect(await read(metrics, 'lockstep_checkpoint_duration_seconds_sum')).toBe('0.2');
    expect(await read(metrics, 'lockstep_worker_deaths_total')).toBe('1');
    metrics.observe({ type: 'checkpoint-failed', step: 2, reason: 'no space' });
    expect(await read(metrics, 'lockstep_checkpoint_failures_total')).toBe('1');
    expect(Number(await read(metrics, 'process_resident_memory_bytes'))).toBeGreaterThan(1e6);
  });

  test('errors of numbers in their unit, and no accuracy of them', async () => {
    const metrics = collectMetrics();
    const numbers = { accuracy: undefined, mse: 6.25 };
    metrics.observe(stepEvent(1, numbers));
    metrics.observe({
      ...{ type: 'evaluation', step: 1, split: 'validation', loss: 0.5, mse: 4 },
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
    expect(gauges).toEqual(['lockstep_run_state']);
  });

  test('each run by itself', async () => {
    const [one, other] = [collectMetrics(), collectMetrics()];
    one.observe(stepEvent(1));
    expect(await read(other, 'lockstep_steps_total')).toBe('0');
  });
});

describe('the documents are true', () => {
  const ours = () =>
    collectMetrics()
      .registry.getMetricsAsArray()
      .filter(({ name }) => name.startsWith('lockstep_'));

  test('docs/metrics.md lists exactly the metrics there are, each with its kind', async () => {
    const text = await readFile(new URL('docs/metrics.md', root), 'utf8');
    const rows = [...text.matchAll(/^\| `(lockstep_\w+)(?:\{(\w+)\})?` +\| (\w+) /gm)];
    const documented = rows.map(([, name, label, kind]) => `${name!} ${kind!} ${label ?? ''}`);
    // prom-client keeps kinds and labels on its metrics, but its types do not tell.
    const metrics = ours() as unknown as { name: string; type: string; labelNames: string[] }[];
    const actual = metrics.map(
      ({ name, type, labelNames }) => `${name} ${type} ${labelNames.join()}`,
    );
    expect(documented.sort()).toEqual(actual.sort());
  });

  test('dashboards/ parse and ask only for metrics that exist', async () => {
    const folder = new URL('dashboards/', root);
    const names = new Set(ours().map(({ name }) => name));
    const files = await readdir(folder);
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      const text = await readFile(new URL(file, folder), 'utf8');
      expect(parse(text), file).toBeTypeOf('object');
      for (const [used] of text.matchAll(/\blockstep_\w+/g)) {
        expect(names, file).toContain(used.replace(/_(bucket|sum|count)$/, ''));
      }
    }
  });
});
