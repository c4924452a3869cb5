import { Worker, type MessagePort } from 'node:worker_threads';
import { UserError } from '../../errors.js';
import { packageFile } from '../../package-root.js';
import { asStaleBuild } from '../../system/stale-build.js';
import { heapLimits, watchHeaps, type HeapAllowance } from '../../system/thread-heap.js';
import { type BatchOptions, type BatchSource, createBatches, type HostBatch } from './batches.js';
import { FileTokenStore, type StoreFiles, type TokenStore } from '../store/token-store.js';

/**
 * A thread of its own reads batches ahead into a ring of slots in shared memory: the disk is never waited for while
 * there is a batch in the ring, and taking one costs the coordinator a copy.
 */

/** The ring holds as many batches as fit into this memory, within the bounds. */
const ringBytes = 16 * 2 ** 20;
const fewestSlots = 2;
const mostSlots = 16;

/** Little room for garbage: memory stays what it was at the start. */
const READER_HEAP: HeapAllowance = { young: 2 };

/** State of a slot: its batch lies there; the thread is to read it; and somebody waits for it. */
const READY = 0;
const WANTED = 1;
const AWAITED = 2;

/** What the reading thread is started with. */
export interface ReaderHandle {
  readonly files: StoreFiles;
  readonly options: BatchOptions;
  readonly memory: SharedArrayBuffer;
  readonly slots: number;
}

/**
 * Batches of a store, read ahead where it lies on disk. The thread starts with the first `read` and ends with the
 * store's `close`.
 *
 * @throws UserError when the corpus is too small for the batches.
 */
export function readAhead(store: TokenStore, options: BatchOptions): BatchSource {
  const source = createBatches(store, options);
  return store instanceof FileTokenStore ? new ReadAhead(store, options, source) : source;
}

class ReadAhead implements BatchSource {
  readonly stepsPerEpoch: number;
  readonly maxTokens: number;
  readonly maxRows: number;
  readonly maxSteps: number;
  readonly labelWords: number;
  readonly source?: NonNullable<BatchSource['source']>;
  #thread: ReaderThread | undefined;

  constructor(
    private readonly store: FileTokenStore,
    private readonly options: BatchOptions,
    source: BatchSource,
  ) {
    if (source.source) this.source = source.source;
    this.stepsPerEpoch = source.stepsPerEpoch;
    this.maxTokens = source.maxTokens;
    this.maxRows = source.maxRows;
    this.maxSteps = source.maxSteps;
    this.labelWords = source.labelWords ?? 1;
  }

  async read(step: number, into: HostBatch): Promise<void> {
    this.#thread ??= this.#start();
    await this.#thread.read(step, into);
  }

  #start(): ReaderThread {
    const slots = Math.floor(ringBytes / slotBytes(this.options, this));
    const count = Math.min(mostSlots, Math.max(fewestSlots, slots));
    const thread = new ReaderThread(this.store.files, this.options, this, count);
    this.store.attach(thread);
    return thread;
  }
}

/** The coordinator's side of the ring. */
class ReaderThread {
  readonly #ring: Ring;
  readonly #labelWords: number;
  readonly #worker: Worker;
  /** Slot of the batch that is next in line. */
  #next = 0;
  #failure: Error | undefined;
  #waiting: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(files: StoreFiles, options: BatchOptions, sizes: BatchSizes, slots: number) {
    const memory = new SharedArrayBuffer(statesBytes(slots) + slots * slotBytes(options, sizes));
    this.#ring = layOutRing(memory, slots, options, sizes);
    this.#labelWords = sizes.labelWords ?? 1;
    // No slot holds a step yet.
    this.#ring.steps.fill(-1);
    const handle: ReaderHandle = { files, options, memory, slots };
    this.#worker = new Worker(packageFile('dist/workers/read.js'), {
      workerData: handle,
      resourceLimits: heapLimits(READER_HEAP),
    });
    this.#worker.once(
      'exit',
      watchHeaps(() => [this.#worker], READER_HEAP),
    );
    // Only a batch that is waited for keeps the process alive.
    this.#worker.unref();
    this.#worker.on('message', () => this.#waiting?.resolve());
    this.#worker.on('error', (error) => this.#fail(asStaleBuild(error) ?? error));
    this.#worker.on('exit', () => this.#fail(new Error('the thread that reads batches ended')));
  }

  async read(step: number, into: HostBatch): Promise<void> {
    const { steps, batches } = this.#ring;
    if (steps[this.#next] !== step) await this.#jump(step);
    const slot = this.#next;
    await this.#ready(slot);
    copyBatch(batches[slot]!, into, this.#labelWords);
    this.#request(slot, step + batches.length);
    this.#next = (slot + 1) % batches.length;
  }

  /** Asks for other steps; those that were asked for before are read first and let pass. */
  async #jump(step: number): Promise<void> {
    const count = this.#ring.batches.length;
    for (let ahead = 0; ahead < count; ahead++) {
      const slot = (this.#next + ahead) % count;
      await this.#ready(slot);
      this.#request(slot, step + ahead);
    }
  }

  #request(slot: number, step: number): void {
    this.#ring.steps[slot] = step;
    Atomics.store(this.#ring.states, slot, WANTED);
    Atomics.notify(this.#ring.states, slot);
  }

  async #ready(slot: number): Promise<void> {
    const before = Atomics.compareExchange(this.#ring.states, slot, WANTED, AWAITED);
    if (before === READY) return;
    this.#worker.ref();
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting = { resolve, reject };
        if (this.#failure) reject(this.#failure);
      });
    } finally {
      this.#waiting = undefined;
      this.#worker.unref();
    }
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  /** The thread reads in order, so that only the batch that failed and those behind it are never ready. */
  #fail(error: unknown): void {
    // An error loses its class on the way from the other thread.
    const cause = error instanceof Error ? error : new Error(String(error));
    this.#failure ??= cause.name === 'UserError' ? new UserError(cause.message, { cause }) : cause;
    this.#waiting?.reject(this.#failure);
  }
}

/** The reading thread's side: reads the batches that are asked for, slot after slot, until it is ended. */
export async function serveBatches(handle: ReaderHandle, port: MessagePort): Promise<never> {
  const { files, options, memory, slots } = handle;
  const source = createBatches(new FileTokenStore(files), options);
  const { states, steps, batches } = layOutRing(memory, slots, options, source);
  for (let slot = 0; ; slot = (slot + 1) % slots) {
    Atomics.wait(states, slot, READY);
    await source.read(steps[slot]!, batches[slot]!);
    if (Atomics.exchange(states, slot, READY) === AWAITED) port.postMessage(slot);
  }
}

type BatchSizes = Pick<BatchSource, 'maxRows' | 'maxTokens' | 'labelWords' | 'source'>;

interface Ring {
  /** See READY. [slots] */
  states: Int32Array;
  /** Which step is, or is to be, in each slot. [slots] */
  steps: Float64Array;
  batches: HostBatch[];
}

/** A batch whose numbers, too, lie in shared memory. */
class SharedBatch implements HostBatch {
  constructor(
    private readonly header: Int32Array,
    readonly rowStart: Int32Array,
    readonly labels: Int32Array,
    readonly tokens: Int32Array,
    readonly targets: Int32Array,
    readonly features: readonly Int32Array[],
    source?: NonNullable<HostBatch['source']>,
  ) {
    if (source) this.source = source;
  }

  readonly source?: NonNullable<HostBatch['source']>;

  get rows(): number {
    return this.header[0]!;
  }

  set rows(rows: number) {
    this.header[0] = rows;
  }

  get startsFresh(): boolean {
    return this.header[1] === 1;
  }

  set startsFresh(fresh: boolean) {
    this.header[1] = fresh ? 1 : 0;
  }
}

const HEADER_LENGTH = 2;

/** Lengths of a slot's arrays: header, rowStart, labels, tokens, where tokens have them targets and features, and of pairs rowStart and tokens of their sources. */
function slotLengths(options: BatchOptions, sizes: BatchSizes): number[] {
  const { maxRows, maxTokens, labelWords = 1, source } = sizes;
  const targets = options.rows !== 'apart' || options.tagged === true ? maxTokens : 0;
  const ofFeatures = (options.features ?? []).map((numbers) => numbers * maxTokens);
  return [
    HEADER_LENGTH,
    maxRows + 1,
    maxRows * labelWords,
    maxTokens,
    targets,
    ...ofFeatures,
    ...(source ? [maxRows + 1, source.maxTokens] : []),
  ];
}

function slotBytes(options: BatchOptions, sizes: BatchSizes): number {
  return 4 * slotLengths(options, sizes).reduce((sum, length) => sum + length, 0);
}

/** Steps and states stand before the slots. */
function statesBytes(slots: number): number {
  return (8 + 4) * slots;
}

function layOutRing(
  memory: SharedArrayBuffer,
  slots: number,
  options: BatchOptions,
  sizes: BatchSizes,
): Ring {
  let at = statesBytes(slots);
  const take = (length: number): Int32Array => {
    const view = new Int32Array(memory, at, length);
    at += view.byteLength;
    return view;
  };
  const steps = new Float64Array(memory, 0, slots);
  const batches = Array.from({ length: slots }, () => {
    const views = slotLengths(options, sizes).map(take);
    const ofSource = sizes.source && views.splice(-2);
    const [header, rowStart, labels, tokens, targets, ...features] = views;
    const source = ofSource && { rowStart: ofSource[0]!, tokens: ofSource[1]! };
    return new SharedBatch(header!, rowStart!, labels!, tokens!, targets!, features, source);
  });
  return { steps, states: new Int32Array(memory, steps.byteLength, slots), batches };
}

function copyBatch(from: HostBatch, into: HostBatch, labelWords: number): void {
  const { rows } = from;
  const tokens = from.rowStart[rows]!;
  into.rows = rows;
  into.startsFresh = from.startsFresh;
  into.rowStart.set(from.rowStart.subarray(0, rows + 1));
  into.labels.set(from.labels.subarray(0, rows * labelWords));
  into.tokens.set(from.tokens.subarray(0, tokens));
  if (from.targets.length > 0) into.targets.set(from.targets.subarray(0, tokens));
  if (from.source && into.source) {
    const { rowStart, tokens: sources } = from.source;
    into.source.rowStart.set(rowStart.subarray(0, rows + 1));
    into.source.tokens.set(sources.subarray(0, rowStart[rows]));
  }
  from.features?.forEach((values, feature) => {
    // As many numbers a token as there is room for.
    const numbers = values.length / from.tokens.length;
    into.features![feature]!.set(values.subarray(0, numbers * tokens));
  });
}
