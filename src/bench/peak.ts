import { Piscina } from 'piscina';
import { peak } from '../backend/kernels/probe.js';
import { heapTraits, type BackendKind } from '../backend/block.js';
import { allocateBlock, createBackend } from '../backend/select.js';
import { packageFile } from '../package-root.js';
import { Heap, HeapPlan, PANEL } from '../tensor/heap.js';

/** Floating-point operations of one round of the `peak` kernel for one lane: 20 multiply-adds. */
const OPERATIONS_PER_LANE = 40;
const MEASURED_MS = 40;

/**
 * GFLOP/s of the multiply-adds that one core of this machine can do on registers alone, best of several tries.
 * Runs on the calling thread for a tenth of a second.
 */
export function measurePeak(kind: BackendKind): number {
  const traits = heapTraits(kind, 1);
  const plan = new HeapPlan(traits.floatBytes, traits.reserved);
  const out = plan.tensor('result', [PANEL]);
  const space = plan.doubles('arguments', 64);
  const block = allocateBlock(kind, plan.bytes);
  const heap = new Heap(block.bytes, traits.floatBytes);
  const backend = createBackend(kind, block, 0, heap.doubles(space));
  const run = backend.bind(peak, heap.tensor(out));
  const time = (rounds: number): number => {
    const start = performance.now();
    run(rounds);
    return performance.now() - start;
  };
  const lanes = backend.lanes;
  let rounds = 100_000;
  const warm = time(rounds);
  rounds = Math.ceil((rounds * MEASURED_MS) / Math.max(warm, 0.01) / 3);
  const best = Math.min(time(rounds), time(rounds), time(rounds));
  return (rounds * lanes * OPERATIONS_PER_LANE) / best / 1e6;
}

const COPIED_BYTES = 256 * 2 ** 20;
const COPIES = 5;

/** GB/s at which this thread copies memory larger than the caches, bytes read and bytes written both counted. */
export function measureBandwidth(): number {
  // Written before: memory never written to is one page of zeros.
  const from = Buffer.alloc(COPIED_BYTES, 1);
  const to = Buffer.alloc(COPIED_BYTES, 2);
  let best = Infinity;
  for (let i = 0; i < COPIES; i++) {
    const start = performance.now();
    from.copy(to);
    best = Math.min(best, performance.now() - start);
  }
  return (2 * COPIED_BYTES) / best / 1e6;
}

/** The sum of the peaks of `workers` cores that compute at the same time. */
export async function measurePeaks(kind: BackendKind, workers: number): Promise<number> {
  const pool = new Piscina<BackendKind, number>({
    filename: packageFile('dist/workers/peak.js'),
    minThreads: workers,
    maxThreads: workers,
  });
  try {
    const peaks = await Promise.all(Array.from({ length: workers }, () => pool.run(kind)));
    return peaks.reduce((sum, peak) => sum + peak, 0);
  } finally {
    await pool.destroy();
  }
}
