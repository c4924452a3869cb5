import type { BackendKind } from '../backend/block.js';
import { chooseBackend, createBackend } from '../backend/select.js';
import { Network } from '../model/network.js';
import { SLOT, type NetworkSizes } from '../model/sizes.js';
import type { IndexTensor, Tensor } from '../tensor/heap.js';
import { createHostBatch } from '../compute/batch-feed.js';
import {
  BENCH_CLIP_NORM,
  BENCH_OPTIMIZER,
  randomBatches,
  sizesOf,
  type BenchCase,
} from './bench-cases.js';
import type { Work } from '../backend/kernels/work.js';
import type { BenchOptions } from './bench.js';
import { watchKernels, type BoundKernel, type ObserveCall } from './watch-kernels.js';
import { Engine } from '../compute/engine.js';
import { allocateEngine } from '../compute/allocate-engine.js';
import { openHeap, planEngine, type EngineHandle } from '../compute/engine-memory.js';
import { phasesOf } from '../compute/messages.js';
import { runInTurns } from '../compute/local-runner.js';
import { measureBandwidth, measurePeak } from './peak.js';

/** One kernel alone on one core, at a size that it has in a case. */
export interface KernelResult extends Work {
  case: string;
  backend: string;
  workers: number;
  kernel: string;
  /** What it is about, by the name of its weights or results on the heap. */
  operand: string;
  ms: number;
  gflops: number;
  /** Of multiply-adds on registers alone, measured just before and after. */
  peakGflops: number;
  peakShare: number;
  gigabytesPerSecond: number;
  /** Of copying memory larger than the caches, measured in the same run. */
  bandwidth: number;
  /** Operations for each byte. */
  intensity: number;
  /** The most GFLOP/s that peak and bandwidth allow at this intensity. */
  rooflineGflops: number;
  /** Least time that peak and bandwidth allow, over the time taken; above 1 where operands stay in caches. */
  rooflineShare: number;
  /** Of all calls in a step, by all workers. */
  step: {
    calls: number;
    /** What they would take alone, each at the speed of the largest. */
    aloneMs: number;
    /** What peak and bandwidth allow, but no more than alone: operands that stay in caches are not held up by memory. */
    roofMs: number;
  };
}

/** The cases themselves drop nothing; without some, dropout would not be measured. */
const DROPOUT = 0.2;
const FEWEST_SAMPLES = 9;
const SAMPLE_MS = 0.5;

/**
 * Times every kernel of a training step of a case alone on the calling thread: within a real step, so that operands hold
 * what they hold in training, every call is made many times over. Of the calls that one kernel gets with the same
 * operands the largest counts. Biases are left out.
 *
 * @param options.workers number of workers that the step's work is cut for
 * @param options.kernelMs least time to measure each kernel for
 */
export async function benchKernels(
  benchCase: BenchCase,
  options: BenchOptions & { kernelMs?: number },
): Promise<KernelResult[]> {
  const { workers, kernelMs = 100 } = options;
  const kind = chooseBackend(options.backend).kind;
  // Every worker with rows of its own: the short calls of a team cannot be measured alone.
  const sizes = { ...sizesOf(benchCase, { ...options, dropout: DROPOUT }), teams: workers };
  const bandwidth = measureBandwidth();
  const peakBefore = measurePeak(kind);
  const handle = allocateEngine(kind, sizes);
  // Memory never written to is one page of zeros, which always is in the cache.
  handle.block.bytes.fill(0);
  const survey = new Survey(kernelMs);
  const engine = createWatchedEngine(handle, (...call) => survey.observe(...call));
  await engine.initialize(1);
  survey.begin();
  const batch = createHostBatch(sizes);
  await randomBatches(benchCase).read(0, batch);
  engine.load(SLOT.training, batch);
  const settings = { learningRate: BENCH_OPTIMIZER.learningRate, clipNorm: BENCH_CLIP_NORM };
  await engine.trainStep(SLOT.training, 1, settings);
  survey.measures = true;
  await engine.trainStep(SLOT.training, 2, settings);
  const peak = Math.max(peakBefore, measurePeak(kind));
  const nameOf = nameTensors(kind, sizes);
  const idealOf = ({ flops, bytes }: Pick<Work, 'flops' | 'bytes'>): number =>
    Math.max(flops / peak, bytes / bandwidth) / 1e6;
  return survey.measured.map(({ bound, work, ms, all }) => {
    const ideal = idealOf(work);
    const aloneMs = ms * (work.flops > 0 ? all.flops / work.flops : all.bytes / work.bytes);
    const gflops = work.flops / ms / 1e6;
    const intensity = work.flops / work.bytes;
    return {
      case: benchCase.name,
      backend: kind,
      workers,
      kernel: bound.kernel,
      operand: nameOf(bound.about),
      ...work,
      ms,
      gflops,
      peakGflops: peak,
      peakShare: gflops / peak,
      gigabytesPerSecond: work.bytes / ms / 1e6,
      bandwidth,
      intensity,
      rooflineGflops: Math.min(peak, intensity * bandwidth),
      rooflineShare: ideal / ms,
      step: { calls: all.calls, aloneMs, roofMs: Math.min(aloneMs, idealOf(all)) },
    };
  });
}

/** An engine whose parts run one after the other on this thread, and whose kernels tell of every call. */
export function createWatchedEngine(handle: EngineHandle, observe: ObserveCall): Engine {
  const { heap, plan } = openHeap(handle);
  const space = heap.doubles(plan.argumentSpaces[0]!);
  const backend = watchKernels(createBackend(handle.backend, handle.block, 0, space), observe);
  // Shares as a whole: small pieces, measured again and again, would stay in the caches.
  const network = new Network(backend, heap, plan, 0, SLOT.training, 1);
  const claims = heap.flatIndices(plan.claims);
  return new Engine(handle, (stage) => {
    const { sizes } = handle;
    runInTurns(network, phasesOf(stage, sizes), sizes.parts, claims);
    return Promise.resolve();
  });
}

/** What all calls of a kernel with the same operands come to. */
interface Calls {
  calls: number;
  flops: number;
  bytes: number;
  /** Bytes of the largest. */
  largest: number;
}

/** Notes the calls of each kernel in one step, and measures the largest in the next. */
class Survey {
  measures = false;
  readonly measured: { bound: BoundKernel; work: Work; ms: number; all: Calls }[] = [];
  readonly #calls = new Map<BoundKernel, Calls>();

  constructor(private readonly kernelMs: number) {}

  /** What has been called before belongs to no step. */
  begin(): void {
    this.#calls.clear();
  }

  observe(bound: BoundKernel, work: Work, run: () => void): void {
    const all = this.#calls.get(bound);
    if (!this.measures) {
      const { calls, flops, bytes, largest } = all ?? NO_CALLS;
      this.#calls.set(bound, {
        ...{ calls: calls + 1, flops: flops + work.flops, bytes: bytes + work.bytes },
        largest: Math.max(largest, work.bytes),
      });
      run();
    } else if (all && work.bytes === all.largest) {
      this.#calls.delete(bound);
      const ms = measureCall(run, bound.changes, this.kernelMs);
      this.measured.push({ bound, work, ms, all });
    } else {
      run();
    }
  }
}

const NO_CALLS: Calls = { calls: 0, flops: 0, bytes: 0, largest: 0 };

/**
 * Milliseconds of one call, the median of many; leaves everything as after one call.
 *
 * @param changes operands to put back before every call
 */
export function measureCall(
  run: () => void,
  changes: BoundKernel['changes'],
  leastMs: number,
): number {
  const kept = changes.map((tensor) => {
    const elements = tensor.data.subarray(tensor.offset, endOf(tensor));
    return { elements, before: elements.slice() };
  });
  const sample = (calls: number): number => {
    for (const { elements, before } of kept) elements.set(before);
    const start = performance.now();
    for (let call = 0; call < calls; call++) run();
    return (performance.now() - start) / calls;
  };
  const calls = kept.length > 0 ? 1 : Math.ceil(SAMPLE_MS / Math.max(sample(1), 1e-4));
  const samples: number[] = [];
  const start = performance.now();
  while (samples.length < FEWEST_SAMPLES || performance.now() - start < leastMs) {
    samples.push(sample(calls));
  }
  samples.sort((a, b) => a - b);
  return samples[samples.length >> 1]!;
}

/** The element behind a tensor's last. */
function endOf(tensor: Tensor | IndexTensor): number {
  return tensor.shape.reduce(
    (end, size, axis) => end + (size - 1) * tensor.stride[axis]!,
    tensor.offset + 1,
  );
}

/** Finds the name of the buffer that a tensor is, or is a part of, in the plan of the heap that it lies on. */
function nameTensors(
  kind: BackendKind,
  sizes: NetworkSizes,
): (tensor: Tensor | IndexTensor) => string {
  const { buffers } = planEngine(kind, sizes).buffers;
  const ordered = buffers.toSorted((a, b) => a.offset - b.offset);
  return (tensor) => {
    const at = tensor.offset * tensor.data.BYTES_PER_ELEMENT;
    // The kernel's name says the rest already.
    return ordered.findLast(({ offset }) => offset <= at)!.name.replace(/packed | gradient$/, '');
  };
}
