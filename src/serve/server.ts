import type { AddressInfo } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { UserError } from '../errors.js';
import { type Access, inUrl, isLoopback } from '../observe/server/access.js';
import { describeListenError } from '../observe/server/listen-error.js';
import type { TrainedModel } from '../train/trained-model.js';
import { Admission } from './admission.js';
import { answerFault, refuseForeigners, secureAnswers } from './gates.js';
import {
  CHECK_MS,
  HEADERS_MS,
  KEEP_ALIVE_MS,
  MOST_HEADER_BYTES,
  REQUEST_MS,
  type ServeLimits,
  STALLED_MS,
} from './limits.js';
import { ConnectionTurns } from './connection-turns.js';
import { DeferredMetrics } from './deferred-metrics.js';
import { readJsonBody } from './json-body.js';
import { registerModelRoutes, registerOwnRoutes } from './register.js';
import { type ModelSource, watchCheckpoints } from './reload.js';
import { Refusal } from './refusal.js';
import { ServedModel } from './served-model.js';
import { Sockets } from './sockets.js';
import { findFault } from './check-body.js';
import type { JsonSchema } from './schemas.js';

export interface ServeOptions {
  /** 0 picks a free one. */
  readonly port: number;
  readonly access: Access;
  readonly limits: ServeLimits;
  /** Whether another checkpoint takes over when the run has one. */
  readonly reloads: boolean;
  /** Hears, in sentences, what the operator should know. */
  readonly notify: (message: string) => void;
  /** How often the run is looked at; a second where absent. */
  readonly reloadMs?: number;
}

/** Where models come from: what opens one is given what counts the rows that are computed together. */
export interface ServedSource extends Omit<ModelSource, 'open'> {
  open(onBatch: (rows: number) => void): Promise<TrainedModel>;
}

export interface ModelServer {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly model: TrainedModel;
  /** Refuses requests from now on, answers those under way, and closes the model. */
  close(): Promise<void>;
}

/**
 * Serves a model over HTTP, and the next one of its run when there is a better one.
 *
 * @throws UserError where there is no model, or the address cannot be listened on
 */
export async function serveModel(
  source: ServedSource,
  options: ServeOptions,
): Promise<ModelServer> {
  const { access, limits, notify, port } = options;
  const { connections, queue, memoryBytes, timeoutMs } = limits;
  const admission = new Admission({ texts: queue, bytes: memoryBytes }, timeoutMs);
  // Known when there is a server.
  const open = { sockets: undefined as Sockets | undefined };
  const metrics = new DeferredMetrics({
    texts: () => admission.texts,
    bytes: () => admission.bytes,
    connections: () => open.sockets?.size ?? 0,
    mostTexts: queue,
  });
  const countBatch = (rows: number): void => metrics.tell((each) => each.countBatch(rows));
  // What the server is made of is loaded while files are read.
  const [first, server] = await Promise.all([source.open(countBatch), createServer(limits)]);
  // Its threads, which no small request needs, start when the first has been answered.
  const warming = first.warmUp({ threads: false });
  warming.catch(() => undefined);
  const served = new ServedModel(first);
  metrics.tell((each) => each.showModel(first));
  const state = { isReady: true };
  open.sockets = new Sockets(server.server, connections);

  const address = { bound: access.host };
  takeTurns(server);
  refuseForeigners(server, access, address);
  secureAnswers(server);
  server.setErrorHandler(answerFault(notify));
  countRequests(server, metrics, notify);
  afterFirstAnswer(server, () => served.use((model) => model.warmUp()));
  const parts = { served, admission, metrics, limits, state, isLocked: access.token !== null };
  registerOwnRoutes(server, parts, registerModelRoutes(server, parts));
  try {
    await server.ready();
    // Its errors have codes, too: they are none of listening.
    await warming;
  } catch (error) {
    await served.close();
    throw error;
  }
  try {
    await server.listen({ host: access.host, port });
  } catch (error) {
    await served.close();
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const keys = { host: '--host', port: '--port' };
    throw new UserError(describeListenError(code, access.host, port, keys), { cause: error });
  }
  const bound = server.server.address() as AddressInfo;
  address.bound = bound.address;
  if (access.token === null && !isLoopback(bound.address)) {
    notify(
      `--host: ${access.host} can be reached from other machines, and whoever reaches it can use the model; --token-file has the server ask for a token.`,
    );
  }
  const stopWatching = options.reloads
    ? watchCheckpoints(
        {
          ...source,
          async open() {
            const model = await source.open(countBatch);
            try {
              await model.warmUp();
              return model;
            } catch (error) {
              await model.close();
              throw error;
            }
          },
        },
        {
          present: () => served.model.checkpoint,
          replace(model) {
            expectSameUse(served.model, model);
            void served.replace(model);
            metrics.tell((each) => {
              each.showModel(model);
              each.countReload('replaced');
            });
            notify(`From now on ${model.checkpoint} answers.`);
          },
          fail(error) {
            metrics.tell((each) => each.countReload('failed'));
            const why = error instanceof Error ? error.message.split('\n')[0]! : String(error);
            notify(
              `The run has another checkpoint, which cannot be served: ${why}. ${served.model.checkpoint} goes on answering.`,
            );
          },
        },
        options.reloadMs,
      )
    : () => Promise.resolve();
  return {
    url: `http://${inUrl(access.host)}:${bound.port}`,
    get model() {
      return served.model;
    },
    async close() {
      state.isReady = false;
      await stopWatching();
      const closing = server.close();
      // Of connections that have not asked yet Node would wait for the first request.
      open.sockets?.close();
      await closing;
      await served.close();
    },
  };
}

/** @throws UserError for a model whose clients would have to ask otherwise */
function expectSameUse(present: TrainedModel, next: TrainedModel): void {
  if (present.config.task === next.config.task) return;
  throw new UserError(
    `${next.checkpoint} is of task ${next.config.task}, not ${present.config.task}`,
  );
}

async function createServer({ bodyBytes, timeoutMs }: ServeLimits): Promise<FastifyInstance> {
  // Here, since nothing but this command needs it.
  const { default: fastify } = await import('fastify');
  const server = fastify({
    bodyLimit: bodyBytes,
    connectionTimeout: timeoutMs + STALLED_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    http: {
      headersTimeout: HEADERS_MS,
      connectionsCheckingInterval: CHECK_MS,
      maxHeaderSize: MOST_HEADER_BYTES,
    },
    routerOptions: { maxParamLength: 100 },
    // Bodies are checked by what describes them, and answers are what they are: Fastify's own packages for either take longer to load, and to
    // make what they make, than all the rest of it.
    schemaController: {
      compilersFactory: {
        buildValidator: buildValidator as unknown as NonNullable<Compilers['buildValidator']>,
        buildSerializer: () => () => (data) => JSON.stringify(data),
      },
    },
    frameworkErrors: (error, _request, reply) => {
      const anyReply = reply as FastifyReply;
      void anyReply
        .code(error.statusCode ?? 400)
        .send({ error: error.code === 'FST_ERR_BAD_URL' ? BAD_PATH : error.message });
    },
    clientErrorHandler: (error, socket) => {
      if (!socket.writable) return;
      const [status, sentence] =
        error.code === 'HPE_HEADER_OVERFLOW'
          ? ['431 Request Header Fields Too Large', 'the headers are too long']
          : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
            ? ['408 Request Timeout', 'the request did not come in time']
            : ['400 Bad Request', 'expected an HTTP request'];
      const body = JSON.stringify({ error: sentence });
      socket.end(
        `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
    },
  });
  // A page of a foreign site may send plain text without asking; JSON it may not.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    (request, body, done) => {
      try {
        done(null, readJsonBody(body, request.headers['content-type']));
      } catch (error) {
        done(error as Error);
      }
    },
  );
  return server;
}

const BAD_PATH = 'expected every % of the path to begin a byte of UTF-8 in two hexadecimal digits';

type Compilers = NonNullable<
  NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']
>;

/** Fastify expects a function of ajv's, of which it uses this much. */
function buildValidator() {
  return ({ schema }: { schema: JsonSchema }) =>
    (body: unknown): true | { error: Refusal } => {
      const fault = findFault(schema, body);
      return fault === undefined ? true : { error: new Refusal(400, fault) };
    };
}

function takeTurns(server: FastifyInstance): void {
  const turns = new ConnectionTurns();
  server.addHook('onRequest', ({ raw }, reply, done) => {
    turns.enter(raw.socket, reply.raw, done);
  });
}

/** Does what the first answer shall not have to wait for. */
function afterFirstAnswer(server: FastifyInstance, work: () => Promise<void>): void {
  let isBegun = false;
  server.addHook('onResponse', (_request, _reply, done) => {
    done();
    if (isBegun) return;
    isBegun = true;
    // What cannot be done now fails again where it is needed, and is told there.
    work().catch(() => undefined);
  });
}

function countRequests(
  server: FastifyInstance,
  metrics: DeferredMetrics,
  notify: (message: string) => void,
): void {
  let isLoading = false;
  server.addHook('onResponse', (request: FastifyRequest, reply, done) => {
    const { url: route } = request.routeOptions;
    const answered = {
      // Paths that there are none of are any number.
      ...(route === undefined
        ? { route: '(none)', method: '(any)' }
        : { route, method: request.method }),
      status: reply.statusCode,
      seconds: reply.elapsedTime / 1000,
    };
    metrics.tell((each) => each.countRequest(answered));
    done();
    if (isLoading) return;
    isLoading = true;
    metrics.load().catch((error: unknown) => {
      const why = error instanceof Error ? error.message.split('\n')[0]! : String(error);
      notify(`There are no metrics, since they cannot be loaded: ${why}`);
    });
  });
}
