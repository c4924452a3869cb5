import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { collectMetrics } from '../../src/observe/metrics.js';
import { packageFile } from '../../src/package-root.js';
import { startEvent, stepEvent } from './events.js';

const dashboards = packageFile('dashboards');
const cases = fileURLToPath(new URL('alerts.promtool.yaml', import.meta.url));

interface Rules {
  groups: { rules: { alert: string }[] }[];
}
interface Cases {
  tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
}

function readAlerts(): string[] {
  const rules = parse(readFileSync(join(dashboards, 'alerts.yaml'), 'utf8')) as Rules;
  return rules.groups.flatMap((group) => group.rules).map(({ alert }) => alert);
}

const isMissing = spawnSync('promtool', ['--version']).error !== undefined;
// The name tells why, where it is skipped.
const needed = isMissing
  ? ' (skipped: needs promtool, which Debian has in its package prometheus)'
  : '';

test.skipIf(isMissing)(`promtool finds nothing in the metrics of a run${needed}`, async () => {
  const metrics = collectMetrics();
  metrics.observe(startEvent());
  metrics.observe(stepEvent(1));
  const input = await metrics.registry.metrics();
  const found = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
  expect(found).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

describe(`the alert rules${needed}`, () => {
  test.skipIf(isMissing)('are raised by their causes and by nothing else', () => {
    execFileSync('promtool', ['test', 'rules', cases], { stdio: 'pipe' });
  });

  test.skipIf(isMissing)('can be loaded with the scrape configuration', () => {
    const file = join(dashboards, 'prometheus.yaml');
    execFileSync('promtool', ['check', 'config', file], { stdio: 'pipe' });
  });

  test('are each raised by a run, too, in the tests that have Prometheus watch some', () => {
    const watching = ['prometheus.test.ts', 'standstill.test.ts'].map((name) =>
      readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8'),
    );
    const missing = readAlerts().filter(
      (alert) => !watching.some((source) => new RegExp(`['\`]${alert}\\b`).test(source)),
    );
    expect(missing).toEqual([]);
  });

  test('each have a case that raises it and one that does not', () => {
    const { tests } = parse(readFileSync(cases, 'utf8')) as Cases;
    const checks = tests.flatMap(({ alert_rule_test: all }) => all);
    for (const alert of readAlerts()) {
      const of = checks.filter(({ alertname }) => alertname === alert);
      expect(
        of.some(({ exp_alerts: raised }) => raised.length > 0),
        `${alert} is raised`,
      ).toBe(true);
      expect(
        of.some(({ exp_alerts: raised }) => raised.length === 0),
        `${alert} is silent`,
      ).toBe(true);
    }
  });
});
