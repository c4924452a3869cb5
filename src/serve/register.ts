import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { UserError } from '../errors.js';
import { taskOf } from '../tasks/registry.js';
import type { Admission } from './admission.js';
import {
  formatEvent,
  generate,
  type GenerateBody,
  generatedSchema,
  generateSchema,
  generateSummary,
  layoutOf,
  memoryOfGeneration,
} from './generation.js';
import type { ServeLimits } from './limits.js';
import { describeApi, type DocumentedRoute } from './openapi.js';
import { Refusal } from './refusal.js';
import { checkpointNameOf, routesOf } from './routes.js';
import { type JsonSchema, object, text, whole } from './schemas.js';
import type { DeferredMetrics } from './deferred-metrics.js';
import type { ServedModel } from './served-model.js';

/** What routes are answered with. */
export interface ServerParts {
  readonly served: ServedModel;
  readonly admission: Admission;
  readonly metrics: DeferredMetrics;
  readonly limits: ServeLimits;
  /** Whether new requests are welcome. */
  readonly state: { readonly isReady: boolean };
  /** Whether clients have to show a token. */
  readonly isLocked: boolean;
}

const REFUSALS = [400, 413, 415, 503];

/** Routes of what the model does. @returns what is told of them */
export function registerModelRoutes(
  server: FastifyInstance,
  { served, admission, metrics, limits }: ServerParts,
): DocumentedRoute[] {
  const routes = routesOf(served.model, limits).map((route): DocumentedRoute => {
    const { path, summary, body, answer, measure, respond } = route;
    server.post(path, { schema: { body } }, async (request) => {
      const demand = measure(request.body);
      const answered = await admission.run(demand, () =>
        served.use((model) => respond(model, request.body)),
      );
      metrics.tell((each) => each.countTexts(path, demand.texts));
      return answered;
    });
    return {
      ...{ path, method: 'post', summary, body },
      ...{ answers: { 'application/json': answer }, refusals: REFUSALS },
    };
  });
  if (taskOf(served.model.config.task).call !== 'generate') return routes;
  const body = generateSchema(limits);
  server.post('/generate', { schema: { body } }, (request, reply) =>
    answerGeneration(request, reply, { served, admission, metrics, limits }),
  );
  const streamed = { type: 'string', description: 'Text, piece by piece.' };
  return [
    {
      ...{ path: '/generate', method: 'post', summary: generateSummary, body },
      answers: {
        'text/plain': streamed,
        'text/event-stream': {
          type: 'string',
          description: 'Events whose data is {"text": piece}; the last one is an event "end".',
        },
        'application/json': generatedSchema,
      },
      refusals: REFUSALS,
    },
    ...routes,
  ];
}

/** Has text written, and sent piece by piece where that is wanted, for as long as the client is there and has time. */
async function answerGeneration(
  { body, headers, raw }: FastifyRequest,
  reply: FastifyReply,
  parts: Pick<ServerParts, 'served' | 'admission' | 'metrics' | 'limits'>,
): Promise<unknown> {
  const { served, admission, metrics, limits } = parts;
  const leave = admission.enter({ texts: 1, bytes: memoryOfGeneration(served.model, body) });
  const { model, release } = served.borrow();
  const pieces = generate(model, body as GenerateBody, limits);
  let isLate = false;
  const timer = setTimeout(() => (isLate = true), limits.timeoutMs);
  const checkpoint = checkpointNameOf(model);
  async function* limited(): AsyncGenerator<string, void, undefined> {
    try {
      for await (const piece of pieces) {
        if (isLate) throw admission.tooLate();
        if (raw.socket.destroyed) return;
        yield piece;
      }
      metrics.tell((each) => each.countTexts('/generate', 1));
    } finally {
      clearTimeout(timer);
      release();
      leave();
    }
  }
  const writing = limited();
  const layout = layoutOf(headers.accept);
  if (layout === 'json') {
    let written = '';
    for await (const piece of writing) written += piece;
    return { text: written, checkpoint };
  }
  // What is wrong with the request shows with the first piece: the client hears of it by the answer's status.
  const first = await writing.next();
  const all = ahead(first, writing);
  const isEvents = layout === 'events';
  void reply.type(isEvents ? 'text/event-stream' : 'text/plain; charset=utf-8');
  return reply.send(Readable.from(isEvents ? asEvents(all, checkpoint) : all));
}

async function* ahead(
  first: IteratorResult<string, void>,
  rest: AsyncGenerator<string, void, undefined>,
): AsyncGenerator<string, void, undefined> {
  try {
    if (first.done !== true) yield first.value;
    yield* rest;
  } finally {
    await rest.return();
  }
}

/** The last event tells how it has ended. */
async function* asEvents(
  pieces: AsyncIterable<string>,
  checkpoint: string,
): AsyncGenerator<string, void, undefined> {
  try {
    for await (const piece of pieces) yield formatEvent({ text: piece });
    yield formatEvent({ checkpoint }, 'end');
  } catch (error) {
    const isTold = error instanceof Refusal || error instanceof UserError;
    yield formatEvent({ error: isTold ? error.message : 'the text could not be written' }, 'error');
  }
}

/** Routes of the server itself: its document, health and metrics. */
export function registerOwnRoutes(
  server: FastifyInstance,
  { served, metrics, state, isLocked }: ServerParts,
  ofModel: readonly DocumentedRoute[],
): void {
  const routes: DocumentedRoute[] = [...ofModel];
  const paths = new Map(ofModel.map(({ path }) => [path, 'POST']));
  const get = (
    route: Omit<DocumentedRoute, 'method' | 'answers'> & { type: string; schema: JsonSchema },
    answer: (reply: FastifyReply) => unknown,
  ): void => {
    const { path, type, schema } = route;
    routes.push({ ...route, method: 'get', answers: { [type.split(';')[0]!]: schema } });
    paths.set(path, 'GET, HEAD');
    server.get(path, async (_request, reply) => {
      void reply.type(type);
      return answer(reply);
    });
  };
  const words: JsonSchema = { type: 'string' };
  get(
    {
      ...{ path: '/healthz', summary: 'Tells that the process lives', isOpen: true },
      ...{ type: 'text/plain; charset=utf-8', schema: words },
    },
    () => 'ok\n',
  );
  get(
    {
      ...{ path: '/readyz', summary: 'Tells whether requests are welcome', isOpen: true },
      ...{ type: 'text/plain; charset=utf-8', schema: words, refusals: [503] },
    },
    (reply) => {
      if (state.isReady) return 'ready\n';
      void reply.code(503);
      return 'closing\n';
    },
  );
  get(
    {
      ...{ path: '/metrics', summary: 'Metrics for Prometheus' },
      ...{ type: 'text/plain; charset=utf-8', schema: words },
    },
    async (reply) => {
      const { registry } = await metrics.load();
      void reply.type(registry.contentType);
      return registry.metrics();
    },
  );
  get(
    {
      ...{ path: '/model', summary: 'Tells which model answers' },
      ...{ type: 'application/json', schema: modelSchema },
    },
    () => {
      const { model } = served;
      const { name, task, train } = model.config;
      const { classes, step } = model;
      const { precision } = train;
      return { run: name, task, checkpoint: checkpointNameOf(model), step, precision, classes };
    },
  );
  get(
    {
      ...{ path: '/openapi.json', summary: 'This document' },
      ...{ type: 'application/json', schema: { type: 'object' } },
    },
    () => describeApi(served.model, routes, isLocked),
  );
  server.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0]!;
    const allowed = paths.get(path);
    if (allowed === undefined) {
      const all = [...paths.keys()].join(', ');
      return reply.code(404).send({ error: `there is no such path here; there are ${all}` });
    }
    return reply
      .code(405)
      .header('Allow', allowed)
      .send({ error: `${path} takes ${allowed.replace(', ', ' and ')}, not ${request.method}` });
  });
}

const modelSchema = object({
  run: text('Name of the run.'),
  task: text('What it was trained for.'),
  checkpoint: text('Name of the checkpoint that answers.'),
  step: whole('Training steps of it.', 0, 2 ** 53),
  precision: text('What its products multiply: float32 or bfloat16.'),
  classes: { type: 'array', items: { type: 'string' } },
});
