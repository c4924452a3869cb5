import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { UserError } from '../errors.js';
import { type Access, checkAccess } from '../observe/server/access.js';
import { readHost } from '../observe/server/request.js';
import { Refusal } from './refusal.js';
import { toSentence } from './schemas.js';

/** What every request passes, and every answer. */

/** @param address that is listened on */
export function refuseForeigners(
  server: FastifyInstance,
  access: Access,
  address: { readonly bound: string },
): void {
  server.addHook('onRequest', (request, reply, done) => {
    const host = readHost(request.raw.headersDistinct['host']);
    if (host === undefined) {
      done(new Refusal(400, 'expected one Host header with a name or an address'));
      return;
    }
    const refusal = checkAccess(access, address.bound, {
      host,
      path: request.url.split('?')[0]!,
      authorization: request.headers.authorization,
    });
    if (refusal === undefined) {
      done();
      return;
    }
    if (refusal.status === 401) void reply.header('WWW-Authenticate', 'Bearer');
    done(new Refusal(refusal.status, refusal.reason));
  });
}

/** So that no page shows, frames or keeps an answer as something that it is not. */
export function secureAnswers(server: FastifyInstance): void {
  server.addHook('onSend', (_request, reply, payload, done) => {
    void reply.headers({
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-store',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
      'Cross-Origin-Resource-Policy': 'same-origin',
    });
    done(null, payload);
  });
}

/** Answers what has gone wrong in a sentence: what the client can mend, or else that it is a bug, of which the operator hears more. */
export function answerFault(notify: (message: string) => void) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    const { status, sentence, headers = {} } = explain(error);
    // A client that leaves while it is answered is no fault of anybody's.
    if (status === 500 && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') {
      notify(
        `${request.method} ${request.routeOptions.url ?? ''} has failed, which is a bug in lockstep: ${error.message.split('\n')[0]!}`,
      );
    }
    // What is left of a body that nobody reads would be taken for the next request.
    if (status === 413) void reply.header('Connection', 'close');
    void reply.code(status).headers(headers).send({ error: sentence });
  };
}

function explain(error: FastifyError): {
  status: number;
  sentence: string;
  headers?: Readonly<Record<string, string>>;
} {
  if (error instanceof Refusal) {
    return { status: error.status, sentence: error.message, headers: error.headers };
  }
  if (error instanceof UserError) return { status: 400, sentence: toSentence(error) };
  const { statusCode = 500, code } = error;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return { status: 413, sentence: 'the body is larger than this server takes' };
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return { status: 415, sentence: 'expected a body of type application/json' };
  }
  if (statusCode < 500) return { status: statusCode, sentence: error.message };
  return { status: 500, sentence: 'this request could not be answered, which is a bug' };
}
