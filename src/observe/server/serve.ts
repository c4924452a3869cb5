import { Worker } from 'node:worker_threads';
import type { Registry } from 'prom-client';
import { UserError } from '../../errors.js';
import { packageFile } from '../../package-root.js';
import { asStaleBuild } from '../../system/stale-build.js';
import { heapLimits, watchHeaps, type HeapAllowance } from '../../system/thread-heap.js';
import { formatDuration } from '../figures.js';
import type { HealthSigns } from '../health.js';
import type { Status } from '../status.js';
import { inUrl, isLoopback } from './access.js';
import { describeListenError } from './listen-error.js';
import type { Order, Report, ServedRun, ServerHandle, SnapshotName } from './messages.js';

export interface MetricsServer {
  /** Where the page is: `http://127.0.0.1:9464/`. */
  readonly url: string;
  /**
   * Tells the clients how the run has ended. `close` then waits until a Prometheus that has come regularly has read
   * that, but no longer than so many milliseconds.
   */
  finish(patienceMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface MetricsServerOptions {
  host: string;
  /** 0 picks a free one. */
  port: number;
  /** Names that clients may know the server by, beside `host`, loopback names and addresses. */
  hosts: readonly string[];
  /** What clients have to show; null asks for nothing. */
  token: string | null;
  registry: Registry;
  readStatus: () => Status;
  /** By which the thread tells whether the run gets on. */
  signs: HealthSigns;
  run: ServedRun;
  /** Hears, in sentences, what the user should know. */
  notify: (message: string) => void;
  /** Entry of the thread; tests bring one that dies. */
  threadFile?: string;
}

/**
 * Serves `/` (a live page, with what it asks for), `/status.json`, `/metrics` for Prometheus, `/healthz` and `/readyz`.
 *
 * A thread of its own has to do with the clients, however many there are and whatever they send. Here only snapshots
 * are rendered for it, when it asks: twice a second at most. A thread that dies is replaced.
 *
 * @throws UserError when the address cannot be listened on
 */
export async function serveMetrics(options: MetricsServerOptions): Promise<MetricsServer> {
  const server = new ServerThread(options);
  await server.start();
  return server;
}

/** The thread needs few objects, and no more for many clients. */
const THREAD_HEAP: HeapAllowance = { young: 2, total: 32 };

/** Time before a thread that has died is replaced; twice as long each time. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 60_000;

/** Waiting for longer than this is told. */
const SILENT_WAIT_MS = 300;
const THREAD_ANSWER_MS = 2000;

class ServerThread implements MetricsServer {
  url = '';
  #port: number;
  #worker: Worker | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #complained = false;
  #isClosed = false;
  /** After `finish`: resolves when the end has been read. */
  #read: { resolve: () => void; done: Promise<void>; patienceMs: number } | undefined;

  constructor(private readonly options: MetricsServerOptions) {
    this.#port = options.port;
  }

  /** @throws UserError when the thread cannot listen */
  async start(): Promise<void> {
    const { host, hosts, token, registry, signs, run, threadFile } = this.options;
    const handle: ServerHandle = {
      access: { host, hosts, token },
      port: this.#port,
      metricsType: registry.contentType,
      ...{ signs, run },
    };
    const worker = new Worker(threadFile ?? packageFile('dist/workers/metrics.js'), {
      workerData: handle,
      resourceLimits: heapLimits(THREAD_HEAP),
    });
    worker.once(
      'exit',
      watchHeaps(() => [worker], THREAD_HEAP),
    );
    this.#worker = worker;
    await new Promise<void>((resolve, reject) => {
      let reason: unknown = 'it exited';
      worker.on('message', (report: Report) => {
        if (report.type === 'refused') {
          reason = new UserError(describeListenError(report.code, host, this.#port, KEYS));
          void worker.terminate();
        } else if (report.type === 'listening') {
          this.#hearAddress(report);
          resolve();
        } else if (report.type === 'wanted') void this.#send(report.name);
        else if (report.type === 'waiting') this.#tellWait(report.milliseconds);
        else this.#read?.resolve();
      });
      worker.on('error', (error) => (reason = error));
      worker.on('exit', () => {
        reject(asStaleBuild(reason) ?? toError(reason));
        // Who did not get as far as to listen hears of it from `start`.
        if (this.#worker === worker && this.url !== '') this.#replace(reason);
      });
    });
  }

  async finish(patienceMs: number): Promise<void> {
    let resolve = (): void => undefined;
    const done = new Promise<void>((read) => (resolve = read));
    try {
      const texts = {
        metrics: await this.#render('metrics'),
        status: await this.#render('status'),
      };
      this.#read = { resolve, done, patienceMs };
      this.#post({ type: 'ended', texts, patienceMs });
    } catch (error) {
      this.#complainOfRendering(error);
    }
  }

  async close(): Promise<void> {
    if (this.#read !== undefined && this.#worker !== undefined) await this.#awaitRead(this.#read);
    this.#isClosed = true;
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #hearAddress({ address, port }: { address: string; port: number }): void {
    const { host, token, notify } = this.options;
    const isFirst = this.url === '';
    this.#port = port;
    this.url = `http://${inUrl(host)}:${port}/`;
    if (isFirst && token === null && !isLoopback(address)) {
      notify(
        `metrics.host: ${host} can be reached from other machines, and whoever reaches it can read this run's figures; ` +
          'metrics.tokenFile has the server ask for a token.',
      );
    }
  }

  #post(order: Order): void {
    this.#worker?.postMessage(order);
  }

  /** Nothing that goes wrong here may end the training. */
  async #send(name: SnapshotName): Promise<void> {
    try {
      this.#post({ type: 'snapshot', name, text: await this.#render(name) });
    } catch (error) {
      this.#complainOfRendering(error);
    }
  }

  async #render(name: SnapshotName): Promise<string> {
    const { registry, readStatus } = this.options;
    return name === 'metrics' ? registry.metrics() : JSON.stringify(readStatus());
  }

  #replace(reason: unknown): void {
    this.#worker = undefined;
    this.#read?.resolve();
    if (this.#isClosed) return;
    this.#complain(
      `The metrics server has failed (${toError(reason).message}) and is started again`,
    );
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * pauseMs);
    setTimeout(() => {
      if (!this.#isClosed) this.start().catch(() => undefined);
    }, pauseMs).unref();
  }

  #complainOfRendering(error: unknown): void {
    this.#complain(`The run's figures cannot be served (${toError(error).message})`);
  }

  /** Once is enough. */
  #complain(fault: string): void {
    if (this.#complained) return;
    this.#complained = true;
    this.options.notify(`${fault}; the training goes on.`);
  }

  #tellWait(milliseconds: number): void {
    if (milliseconds < SILENT_WAIT_MS) return;
    this.options.notify(
      `Waiting for up to ${formatDuration(milliseconds / 1000)} until Prometheus has read how the run ended; Ctrl-C ends this at once.`,
    );
  }

  /** Should the thread not answer any more, nobody waits for it. */
  async #awaitRead({ done, patienceMs }: { done: Promise<void>; patienceMs: number }) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs + THREAD_ANSWER_MS);
    });
    await Promise.race([done, late]);
    clearTimeout(timer);
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

const KEYS = { host: 'metrics.host', port: 'metrics.port' };
