import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The connections of a server. When there are too many, the one that has had no request under way for longest is closed, rather than the one that
 * comes: clients that open connections and stay silent keep nobody out.
 */
export class Sockets {
  /** Requests under way by connection, those that were idle for longest first. */
  readonly #open = new Map<Socket, number>();
  #isClosing = false;

  constructor(
    server: Server,
    private readonly most: number,
  ) {
    server.on('connection', (socket: Socket) => {
      if (this.#open.size >= this.most) this.#makeRoom();
      this.#open.set(socket, 0);
      socket.once('close', () => this.#open.delete(socket));
    });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request;
      this.#count(socket, 1);
      response.once('close', () => this.#count(socket, -1));
    });
  }

  get size(): number {
    return this.#open.size;
  }

  /** Ends connections that have no request under way, and the others when theirs have been answered. */
  close(): void {
    this.#isClosing = true;
    for (const [socket, requests] of this.#open) if (requests === 0) socket.destroy();
  }

  #count(socket: Socket, change: number): void {
    const before = this.#open.get(socket);
    if (before === undefined) return;
    // Put last: it has just been heard of.
    this.#open.delete(socket);
    this.#open.set(socket, before + change);
    if (this.#isClosing && before + change === 0) socket.destroySoon();
  }

  #makeRoom(): void {
    const [oldest] = this.#open.keys();
    const idle = [...this.#open].find(([, requests]) => requests === 0)?.[0] ?? oldest;
    if (idle === undefined) return;
    this.#open.delete(idle);
    idle.destroy();
  }
}
