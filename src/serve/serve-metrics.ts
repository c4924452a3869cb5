import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { packageVersion } from '../package-root.js';
import type { TrainedModel } from '../train/trained-model.js';
import { checkpointNameOf } from './routes.js';

/** What a server of a model tells Prometheus. Every metric is explained in docs/serving.md. */
export class ServeMetrics {
  readonly registry = new Registry();
  readonly #requests: Counter<'route' | 'method' | 'status'>;
  readonly #durations: Histogram<'route'>;
  readonly #texts: Counter<'route'>;
  readonly #batches: Histogram;
  readonly #reloads: Counter<'outcome'>;
  readonly #step: Gauge;
  readonly #info: Gauge<'checkpoint' | 'task' | 'run' | 'version'>;

  /** @param read what is measured when somebody asks */
  constructor(read: {
    texts: () => number;
    bytes: () => number;
    connections: () => number;
    mostTexts: number;
  }) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#requests = new Counter({
      name: 'lockstep_serve_requests_total',
      help: 'Requests that have been answered, by route, method and status.',
      labelNames: ['route', 'method', 'status'],
      registers,
    });
    this.#durations = new Histogram({
      name: 'lockstep_serve_request_duration_seconds',
      help: 'From the head of a request to the end of its answer, by route.',
      labelNames: ['route'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    });
    this.#texts = new Counter({
      name: 'lockstep_serve_texts_total',
      help: 'Texts that have been answered, by route.',
      labelNames: ['route'],
      registers,
    });
    this.#batches = new Histogram({
      name: 'lockstep_serve_batch_rows',
      help: 'Rows that were computed together.',
      buckets: [1, 2, 4, 8, 16, 32, 64],
      registers,
    });
    this.#reloads = new Counter({
      name: 'lockstep_serve_reloads_total',
      help: 'Checkpoints that were to take the place of the one before, by outcome.',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['replaced', 'failed'] as const) this.#reloads.inc({ outcome }, 0);
    this.#step = new Gauge({
      name: 'lockstep_serve_model_step',
      help: 'Training steps of the checkpoint that answers.',
      registers,
    });
    this.#info = new Gauge({
      name: 'lockstep_serve_model_info',
      help: '1 for the checkpoint that answers.',
      labelNames: ['checkpoint', 'task', 'run', 'version'],
      registers,
    });
    const most = new Gauge({
      name: 'lockstep_serve_queue_limit_texts',
      help: 'Texts that may wait or be computed at a time; further ones are refused.',
      registers,
    });
    most.set(read.mostTexts);
    const measured = (name: string, help: string, value: () => number): void => {
      new Gauge({
        ...{ name, help, registers },
        collect() {
          this.set(value());
        },
      });
    };
    measured('lockstep_serve_queue_texts', 'Texts that wait or are computed.', read.texts);
    measured(
      'lockstep_serve_queue_bytes',
      'Memory that texts take that wait or are computed, about.',
      read.bytes,
    );
    measured('lockstep_serve_connections', 'Connections that are open.', read.connections);
  }

  readonly countBatch = (rows: number): void => this.#batches.observe(rows);

  countTexts(route: string, texts: number): void {
    this.#texts.inc({ route }, texts);
  }

  countRequest(request: { route: string; method: string; status: number; seconds: number }): void {
    const { route, method, status, seconds } = request;
    this.#requests.inc({ route, method, status: String(status) });
    this.#durations.observe({ route }, seconds);
  }

  countReload(outcome: 'replaced' | 'failed'): void {
    this.#reloads.inc({ outcome });
  }

  /** The model that answers from now on. */
  showModel(model: Pick<TrainedModel, 'config' | 'checkpoint' | 'step'>): void {
    this.#step.set(model.step);
    this.#info.reset();
    const { name: run, task } = model.config;
    const checkpoint = checkpointNameOf(model);
    this.#info.set({ checkpoint, task, run, version: packageVersion() }, 1);
  }
}
