import type { Socket } from 'node:net';
import { formatAnswer, type Answer } from './answer.js';
import { MOST_HEAD_BYTES, parseRequest, type Refusal, type Request } from './request.js';

/** What clients may take up. */
export interface Limits {
  /** More at once: the one that has been silent for longest is closed. */
  connections: number;
  /** Until the whole head of the request has come, and until the whole answer has been taken, if it is no stream. */
  headMs: number;
  wholeMs: number;
  /** Of what a client sends behind its request; more is not read. */
  discardedBytes: number;
}

export const LIMITS: Limits = {
  connections: 64,
  headMs: 5000,
  wholeMs: 10_000,
  discardedBytes: 65_536,
};

export type Answerer = (request: Request | Refusal, gone: AbortSignal) => Promise<Answer>;

/**
 * Serves one request on each connection and closes it: there is never more than one answer on its way, nothing waits for
 * a client that does not read, and what is kept of a request is its head. A stream sees to it by itself that its client reads.
 */
export class Connections {
  readonly #open = new Set<Connection>();

  /**
   * @param answer gives the answer to a request, which nobody waits for any more when `gone` aborts; never rejects
   * @param spend is called with every piece of work
   */
  constructor(
    private readonly answer: Answerer,
    private readonly spend: () => void,
    private readonly limits: Limits = LIMITS,
  ) {}

  get size(): number {
    return this.#open.size;
  }

  /** @param socket one that may be open in one direction alone */
  accept(socket: Socket): void {
    if (this.#open.size >= this.limits.connections) this.#makeRoom();
    const connection = new Connection(socket, this.answer, this.spend, this.limits);
    this.#open.add(connection);
    socket.on('close', () => {
      this.#open.delete(connection);
      this.spend();
    });
    this.spend();
  }

  /** Who has asked is served rather than who has not. */
  #makeRoom(): void {
    const open = [...this.#open];
    const silent =
      open.find(({ hasAsked }) => !hasAsked) ?? open.find(({ isStream }) => !isStream) ?? open[0];
    silent?.close();
    if (silent !== undefined) this.#open.delete(silent);
  }
}

class Connection {
  #head = Buffer.alloc(0);
  #asked = false;
  #isStream = false;
  #discarded = 0;
  readonly #gone = new AbortController();
  #deadline: NodeJS.Timeout;

  constructor(
    private readonly socket: Socket,
    private readonly answer: Answerer,
    private readonly spend: () => void,
    private readonly limits: Limits,
  ) {
    this.#deadline = setTimeout(
      () => void this.#reply({ status: 408, reason: 'the request did not come in time' }),
      limits.headMs,
    );
    socket.on('data', (bytes) => this.#receive(bytes));
    socket.on('end', () => this.#receiveEnd());
    // A client that has gone is nobody's fault.
    socket.on('error', () => this.close());
    socket.on('close', () => {
      clearTimeout(this.#deadline);
      this.#gone.abort();
    });
  }

  get hasAsked(): boolean {
    return this.#asked;
  }

  get isStream(): boolean {
    return this.#isStream;
  }

  close(): void {
    clearTimeout(this.#deadline);
    this.socket.destroy();
  }

  /** Most clients that end their side have gone, though some only have nothing more to ask: these are answered if it is at once. */
  #receiveEnd(): void {
    if (this.#asked) this.#gone.abort();
    else this.close();
  }

  #receive(bytes: Buffer): void {
    if (this.#asked) this.#discard(bytes.length);
    else this.#read(bytes);
    this.spend();
  }

  #read(bytes: Buffer): void {
    // Only so far as a head may reach; what is kept is a copy, not the whole block that was read.
    const room = MOST_HEAD_BYTES - this.#head.length;
    this.#head = Buffer.concat([this.#head, bytes.subarray(0, room)]);
    const end = this.#head.indexOf('\r\n\r\n');
    if (end !== -1) {
      const behind = this.#head.length - (end + 4) + Math.max(0, bytes.length - room);
      void this.#reply(parseRequest(this.#head.toString('latin1', 0, end)));
      this.#discard(behind);
    } else if (this.#head.length === MOST_HEAD_BYTES) {
      void this.#reply({
        status: 431,
        reason: `the headers are longer than ${MOST_HEAD_BYTES} bytes`,
      });
    }
  }

  /**
   * A body, or further requests: let pass, since closing on it could cost the client its answer. Whoever sends more and
   * more has to wait, until the time for the whole is over.
   */
  #discard(bytes: number): void {
    this.#discarded += bytes;
    if (this.#discarded > this.limits.discardedBytes) this.socket.pause();
  }

  async #reply(request: Request | Refusal): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    this.#head = Buffer.alloc(0);
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.close(), this.limits.wholeMs);
    const answer = await this.answer(request, this.#gone.signal);
    if (this.socket.destroyed) return;
    for (const part of formatAnswer(answer, 'method' in request && request.method === 'HEAD')) {
      this.socket.write(part);
    }
    if (answer.stream === undefined) this.socket.end();
    else this.#stream(answer.stream);
  }

  #stream(begin: NonNullable<Answer['stream']>): void {
    const { socket } = this;
    clearTimeout(this.#deadline);
    this.#isStream = true;
    const end = begin({
      get waiting() {
        return socket.writableLength;
      },
      write: (text) => void socket.write(text),
      close: () => this.close(),
    });
    // Half of a connection that a browser has closed would go on being written to.
    socket.on('end', () => this.close());
    socket.on('close', end);
  }
}
