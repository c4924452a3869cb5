/** What clients may take up. */
export interface ServeLimits {
  /** Texts of a request. */
  texts: number;
  /** Tokens that a request has generated. */
  length: number;
  /** Texts of all requests that wait or are computed. */
  queue: number;
  /** Bytes of memory that these take, about. */
  memoryBytes: number;
  /** Until a request is answered. */
  timeoutMs: number;
  /** Of a request's body. */
  bodyBytes: number;
  /** More at once: the one that has been idle for longest is closed. */
  connections: number;
}

export const LIMITS: ServeLimits = {
  texts: 256,
  length: 2000,
  queue: 4096,
  memoryBytes: 512 * 2 ** 20,
  timeoutMs: 30_000,
  bodyBytes: 2 ** 20,
  connections: 1024,
};

/** Until the head of a request has come, and until the whole of it has. */
export const HEADERS_MS = 5000;
export const REQUEST_MS = 15_000;
/** A connection that waits for its next request. */
export const KEEP_ALIVE_MS = 30_000;
/** How often the times above are looked at. */
export const CHECK_MS = 1000;
/** Beyond a request's own time: for a client that takes nothing of its answer. */
export const STALLED_MS = 10_000;
export const MOST_HEADER_BYTES = 16_384;
