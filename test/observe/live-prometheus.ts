import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageFile } from '../../src/package-root.js';

/** A real Prometheus, with the rules of dashboards/, which scrapes every four seconds and waits as long: servers give way to all that computes. */

export const isPrometheusMissing = spawnSync('prometheus', ['--version']).error !== undefined;

const PATIENCE_MS = 120_000;

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

interface Answer<T> {
  status: 'success' | 'error';
  data: T;
  error?: string;
}

export class LivePrometheus {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lockstep-prometheus-'));
  readonly #targets: string[] = [];
  readonly #window: string | undefined;
  #child: ChildProcess | undefined;
  #url = '';

  /** @param window what rules look back over instead of minutes or hours; as they say when absent */
  constructor(window?: string) {
    this.#window = window;
  }

  async start(): Promise<void> {
    const port = await freePort();
    this.#url = `http://127.0.0.1:${port}`;
    const rules = readFileSync(packageFile('dashboards/alerts.yaml'), 'utf8');
    // What has to hold for minutes has to hold for a second here; what is looked at is the same.
    const hasty = rules.replaceAll(/for: \S+/g, 'for: 1s');
    const window = this.#window;
    writeFileSync(
      join(this.#folder, 'alerts.yaml'),
      window === undefined ? hasty : hasty.replaceAll(/\[\d+[mh]\]/g, `[${window}]`),
    );
    writeFileSync(
      join(this.#folder, 'prometheus.yaml'),
      `global: { scrape_interval: 4s, scrape_timeout: 4s, evaluation_interval: 1s }
rule_files: [alerts.yaml]
scrape_configs:
  - job_name: lockstep
    file_sd_configs: [{ files: [targets.json], refresh_interval: 1s }]
`,
    );
    this.#writeTargets();
    this.#child = spawn(
      'prometheus',
      [
        ...['--config.file', join(this.#folder, 'prometheus.yaml'), '--log.level', 'error'],
        ...['--storage.tsdb.path', join(this.#folder, 'data')],
        ...['--web.listen-address', `127.0.0.1:${port}`],
      ],
      { stdio: 'ignore' },
    );
    await this.until('Prometheus answers', async () => {
      const response = await fetch(`${this.#url}/-/ready`).catch(() => undefined);
      return response?.ok === true;
    });
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#folder, { recursive: true });
  }

  /** Watches a server from now on. @returns how it is called in the label `instance` */
  async watch(url: string): Promise<string> {
    const instance = new URL(url).host;
    this.#targets.push(instance);
    this.#writeTargets();
    await this.until(`${instance} is scraped`, async () => {
      const [up] = await this.query(`up{instance="${instance}"}`);
      return up?.value === 1;
    });
    return instance;
  }

  /** Of a server that was too busy to answer in time nothing is known until it does. */
  untilAllAnswer(): Promise<void> {
    return this.until('all servers answer', async () => {
      const found = await this.query('up');
      return found.length === this.#targets.length && found.every(({ value }) => value === 1);
    });
  }

  async query(expression: string): Promise<Sample[]> {
    const body = new URLSearchParams({ query: expression });
    const { result } = await this.#ask<{
      result: { metric: Record<string, string>; value: [number, string] }[];
    }>('query', body);
    return result.map(({ metric, value }) => ({ labels: metric, value: readNumber(value[1]) }));
  }

  /** The alerts that are raised now: name and instance. */
  async alerts(): Promise<string[]> {
    const { alerts } = await this.#ask<{
      alerts: { state: string; labels: Record<string, string> }[];
    }>('alerts');
    return alerts
      .filter(({ state }) => state === 'firing')
      .map(({ labels }) => `${labels['alertname']!} ${labels['instance']!}`);
  }

  /** Of every rule what it asks for, and whether Prometheus could. */
  async rules(): Promise<{ name: string; query: string; health: string }[]> {
    const { groups } = await this.#ask<{
      groups: { rules: { name: string; query: string; health: string }[] }[];
    }>('rules');
    return groups.flatMap(({ rules }) => rules);
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    while (!(await holds())) {
      if (performance.now() > end) throw new Error(`waited too long until ${what}`);
      await sleep(100);
    }
  }

  async #ask<T>(path: string, body?: URLSearchParams): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}`, {
      ...(body && { method: 'POST', body }),
    });
    const answer = (await response.json()) as Answer<T>;
    if (answer.status === 'success') return answer.data;
    throw new Error(`${body?.get('query') ?? path}: ${answer.error!}`);
  }

  #writeTargets(): void {
    writeFileSync(
      join(this.#folder, 'targets.json'),
      JSON.stringify([{ targets: this.#targets, labels: {} }]),
    );
  }
}

function readNumber(text: string): number {
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
