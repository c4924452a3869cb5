import type { ServeMetrics } from './serve-metrics.js';

/** What is measured when somebody asks. */
export type Readings = ConstructorParameters<typeof ServeMetrics>[0];

/** Metrics whose package is loaded when the first request has been answered, which would have had to wait for it. What is told before is kept until then. */
export class DeferredMetrics {
  #waiting: ((metrics: ServeMetrics) => void)[] | undefined = [];
  #metrics: ServeMetrics | undefined;
  #loading: Promise<ServeMetrics> | undefined;

  constructor(
    private readonly readings: Readings,
    private readonly importMetrics = () => import('./serve-metrics.js'),
  ) {}

  tell(what: (metrics: ServeMetrics) => void): void {
    if (this.#metrics) what(this.#metrics);
    else this.#waiting?.push(what);
  }

  /** @throws where the package cannot be loaded: what is told is kept no longer then */
  load(): Promise<ServeMetrics> {
    return (this.#loading ??= this.#load().finally(() => (this.#waiting = undefined)));
  }

  async #load(): Promise<ServeMetrics> {
    const { ServeMetrics } = await this.importMetrics();
    const metrics = new ServeMetrics(this.readings);
    this.#metrics = metrics;
    for (const what of this.#waiting ?? []) what(metrics);
    return metrics;
  }
}
