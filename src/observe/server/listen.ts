import { createServer, type AddressInfo, type Server } from 'node:net';
import type { Access } from './access.js';
import { answerRequest, type Answer, type Routes } from './answer.js';
import { Connections } from './connections.js';
import type { Request } from './request.js';

/**
 * Serves routes at an address.
 *
 * @param spend is called with every piece of work
 * @param onAnswer hears what was asked for and answered
 */
export function listen(
  { access, port, routes }: { access: Access; port: number; routes: Routes },
  spend: () => void,
  hooks: {
    onListening: (bound: AddressInfo) => void;
    onRefused: (code: string) => void;
    onAnswer?: (request: Request, answer: Answer) => void;
  },
): Server {
  let address = access.host;
  const connections = new Connections(async (request, gone) => {
    const answer = await answerRequest(request, routes, access, address, gone);
    if ('path' in request) hooks.onAnswer?.(request, answer);
    return answer;
  }, spend);
  const server = createServer({ allowHalfOpen: true }, (socket) => connections.accept(socket));
  server.on('error', ({ code = 'unknown error' }: NodeJS.ErrnoException) => hooks.onRefused(code));
  server.listen({ host: access.host, port, backlog: 64 }, () => {
    const bound = server.address() as AddressInfo;
    address = bound.address;
    hooks.onListening(bound);
  });
  return server;
}
