import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests of a connection that wait, beyond which it is closed: nobody who reads the answers sends so many ahead. */
const MOST_WAITING = 500;

interface Turns {
  isBusy: boolean;
  /** Begins the requests that wait, the first that came first. */
  readonly waiting: (() => void)[];
}

/**
 * Has the requests of a connection begin one after the other, each when the one before has been answered and its answer taken. A client may send
 * hundreds at once, of which Node hears in one go: of these others wait for one at a time, and of a client that reads no answers for none.
 */
export class ConnectionTurns {
  readonly #connections = new WeakMap<Socket, Turns>();

  /** @param begin is called at once, or when it is this request's turn; never where the connection has gone */
  enter(socket: Socket, response: ServerResponse, begin: () => void): void {
    const turns = this.#turnsOf(socket);
    const start = (): void => {
      if (socket.destroyed) return;
      response.once('close', () => this.#goOn(socket, turns));
      begin();
    };
    if (turns.isBusy) {
      turns.waiting.push(start);
      // What comes behind these is read when they have begun.
      socket.pause();
      if (turns.waiting.length > MOST_WAITING) socket.destroy();
      return;
    }
    turns.isBusy = true;
    start();
  }

  #turnsOf(socket: Socket): Turns {
    const known = this.#connections.get(socket);
    if (known) return known;
    const turns = { isBusy: false, waiting: [] };
    this.#connections.set(socket, turns);
    return turns;
  }

  #goOn(socket: Socket, turns: Turns): void {
    const next = turns.waiting.shift();
    if (next === undefined) {
      turns.isBusy = false;
      return;
    }
    // Of the last of them the body may not be there yet. Node itself goes on reading with each answer.
    if (turns.waiting.length === 0) socket.resume();
    else socket.pause();
    // Other connections come first.
    setImmediate(next);
  }
}
