import { describeStall, hasBegun, type HealthSigns } from '../health.js';
import { type Reply, type Route, TEXT } from './answer.js';
import { OPEN_METRICS_TYPE, prefersOpenMetrics, toOpenMetrics } from './open-metrics.js';

/** `/status.json`, `/metrics`, `/healthz` and `/readyz` of a run. @param clock that the signs of life were made by */
export function createRoutes(sources: {
  metricsType: string;
  readMetrics: () => Promise<Buffer | undefined>;
  readStatus: () => Promise<Buffer | undefined>;
  signs: HealthSigns;
  clock: () => number;
}): [string, Route][] {
  const { metricsType, readMetrics, readStatus, signs, clock } = sources;
  const vary = { Vary: 'Accept' };
  return [
    ['/status.json', { type: 'application/json', read: readStatus }],
    [
      '/metrics',
      {
        type: metricsType,
        headers: vary,
        read: async ({ accept }) => {
          const text = await readMetrics();
          if (text === undefined || !prefersOpenMetrics(accept)) return text;
          const body = Buffer.from(toOpenMetrics(text.toString()));
          return { body, headers: { ...vary, 'Content-Type': OPEN_METRICS_TYPE } };
        },
      },
    ],
    ['/healthz', wellOr(() => describeStall(signs, clock()))],
    ['/readyz', wellOr(() => (hasBegun(signs) ? undefined : NOT_BEGUN))],
  ];
}

const NOT_BEGUN = 'The data is still being prepared: training has not begun.';

/** Answers `ok`, or 503 with the sentence that tells why not. */
function wellOr(describe: () => string | undefined): Route {
  return {
    type: TEXT,
    read: () => {
      const fault = describe();
      const reply: Reply = {
        status: fault === undefined ? 200 : 503,
        body: Buffer.from(`${fault ?? 'ok'}\n`),
      };
      return Promise.resolve(reply);
    },
  };
}
