import { packageVersion } from '../package-root.js';
import { taskOf } from '../tasks/registry.js';
import type { TrainedModel } from '../train/trained-model.js';
import { errorSchema, type JsonSchema } from './schemas.js';

/** A route, as the document tells of it. */
export interface DocumentedRoute {
  readonly path: string;
  readonly method: 'get' | 'post';
  readonly summary: string;
  /** Of the request's body. */
  readonly body?: JsonSchema;
  /** Of the answer's, by media type. */
  readonly answers: Readonly<Record<string, JsonSchema>>;
  /** Statuses of refusals that it may end with, beside what any request may. */
  readonly refusals?: readonly number[];
  /** Whether it answers also whoever shows no token. */
  readonly isOpen?: boolean;
}

const statuses: Readonly<Record<number, string>> = {
  400: 'The body is not as described.',
  401: 'The token is missing, or another one.',
  403: 'The server is not known by the name that the request asks for.',
  413: 'The body is too large.',
  415: 'The body is no JSON.',
  503: 'There is no room, no answer in time, or no model yet; Retry-After says when to ask again.',
};

/** The OpenAPI 3.1 document of routes, of the very schemas that requests are checked by. */
export function describeApi(
  model: Pick<TrainedModel, 'config'>,
  routes: readonly DocumentedRoute[],
  isLocked: boolean,
): object {
  const { name, task } = model.config;
  const paths = new Map<string, Record<string, object>>();
  for (const route of routes) {
    paths.set(route.path, {
      ...paths.get(route.path),
      [route.method]: describeRoute(route, isLocked),
    });
  }
  return {
    openapi: '3.1.0',
    info: {
      title: `${name}: ${taskOf(task).model}`,
      description: `A model that ${taskOf(task).does}, served by lockstep.`,
      version: packageVersion(),
    },
    paths: Object.fromEntries(paths),
    components: {
      schemas: { Error: errorSchema },
      ...(isLocked && { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }),
    },
  };
}

function describeRoute(route: DocumentedRoute, isLocked: boolean): object {
  const { path, method, summary, body, answers, refusals = [], isOpen = false } = route;
  const asksToken = isLocked && !isOpen;
  const codes = [...refusals, ...(asksToken ? [401] : []), 403].sort((a, b) => a - b);
  return {
    operationId: path.slice(1).replaceAll(/\W+/g, '_') || 'index',
    summary,
    ...(asksToken && { security: [{ token: [] }] }),
    ...(body && {
      requestBody: { required: true, content: { 'application/json': { schema: body } } },
    }),
    ...(method === 'post' && { tags: ['model'] }),
    responses: {
      200: { description: summary, content: contentOf(answers) },
      ...Object.fromEntries(
        codes.map((code) => [code, { description: statuses[code]!, content: errorContent }]),
      ),
    },
  };
}

const errorContent = {
  'application/json': { schema: { $ref: '#/components/schemas/Error' } },
};

function contentOf(answers: Readonly<Record<string, JsonSchema>>): object {
  return Object.fromEntries(
    Object.entries(answers).map(([type, schema]) => [type, { schema }] as const),
  );
}
