import type { Metric } from 'prom-client';
import { DURATION_BUCKETS, type MetricDefinition } from './metric-definitions.js';

/** A count for each bucket and one for what is longer, and the sum. */
interface Durations {
  counts: Float64Array;
  sum: number;
}

/**
 * A histogram that takes tens of nanoseconds for a value, where prom-client's takes most of a microsecond: a step has a dozen of them, and
 * may last no longer than a millisecond.
 */
export class DurationHistogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly #label: string | undefined;
  readonly #values = new Map<string, Durations>();

  constructor({ name, help, labels = [] }: MetricDefinition) {
    this.name = name;
    this.help = help;
    this.#label = labels[0];
    // Without a label there is one series, which is there from the start.
    if (this.#label === undefined) this.#durationsOf('');
  }

  /** @param value of the label, where there is one */
  observe(seconds: number, value = ''): void {
    const durations = this.#durationsOf(value);
    let bucket = 0;
    while (bucket < DURATION_BUCKETS.length && seconds > DURATION_BUCKETS[bucket]!) bucket++;
    durations.counts[bucket]! += 1;
    durations.sum += seconds;
  }

  /** As prom-client's registry asks for it. */
  get(): Promise<object> {
    const { name, help, type, aggregator } = this;
    const values = Array.from(this.#values).flatMap(([value, { counts, sum }]) => {
      const labels = this.#label === undefined ? {} : { [this.#label]: value };
      let count = 0;
      const buckets = DURATION_BUCKETS.map((bound, bucket) => {
        count += counts[bucket]!;
        return { metricName: `${name}_bucket`, labels: { le: bound, ...labels }, value: count };
      });
      count += counts[DURATION_BUCKETS.length]!;
      return [
        ...buckets,
        { metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: count },
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ];
    });
    return Promise.resolve({ name, help, type, aggregator, values });
  }

  reset(): void {
    this.#values.clear();
  }

  /** For prom-client, whose registry asks nothing else of a metric. */
  asMetric(): Metric {
    return this as unknown as Metric;
  }

  #durationsOf(value: string): Durations {
    const known = this.#values.get(value);
    if (known) return known;
    const made = { counts: new Float64Array(DURATION_BUCKETS.length + 1), sum: 0 };
    this.#values.set(value, made);
    return made;
  }
}
