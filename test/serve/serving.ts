import { connect } from 'node:net';
import { afterEach } from 'vitest';
import { LIMITS, type ServeLimits } from '../../src/serve/limits.js';
import {
  type ModelServer,
  type ServedSource,
  type ServeOptions,
  serveModel,
} from '../../src/serve/server.js';
import type { TrainedModel } from '../../src/train/trained-model.js';

/** Servers of models for tests, closed after them. */

export interface Served {
  readonly server: ModelServer;
  readonly port: number;
  /** What the operator was told. */
  readonly heard: string[];
  readonly post: (
    path: string,
    body: unknown,
    headers?: Record<string, string>,
  ) => Promise<Response>;
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Response>;
  /** Sends bytes as they are and gives all that comes back. */
  readonly exchange: (bytes: string) => Promise<string>;
}

export type Changes = Partial<Omit<ServeOptions, 'limits' | 'access'>> & {
  limits?: Partial<ServeLimits>;
  access?: Partial<ServeOptions['access']>;
};

/** @returns Serves a model, or what opens one. */
export function useServer(): (
  model: TrainedModel | ServedSource,
  changes?: Changes,
) => Promise<Served> {
  const open: ModelServer[] = [];
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
  });
  return async (model, { limits, access, ...changes } = {}) => {
    const heard: string[] = [];
    const source: ServedSource =
      'open' in model ? model : { run: 'runs/x', open: () => Promise.resolve(model) };
    const server = await serveModel(source, {
      port: 0,
      access: { host: '127.0.0.1', hosts: [], token: null, ...access },
      limits: { ...LIMITS, ...limits },
      reloads: false,
      notify: (message) => heard.push(message),
      ...changes,
    });
    open.push(server);
    const { url } = server;
    const port = Number(new URL(url).port);
    return {
      ...{ server, port, heard },
      get: (path, headers = {}) => fetch(url + path, { headers }),
      post: (path, body, headers = {}) =>
        fetch(url + path, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
      exchange: (bytes) =>
        new Promise((resolve, reject) => {
          const socket = connect({ port, host: '127.0.0.1' });
          let received = '';
          socket.on('data', (data) => (received += data.toString()));
          socket.on('close', () => resolve(received));
          socket.on('error', (error: NodeJS.ErrnoException) => {
            if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
          });
          socket.write(bytes);
        }),
    };
  };
}
