import { createBackend } from '../backend/select.js';
import { Network } from '../model/network.js';
import { SLOTS } from '../model/plan.js';
import { openHeap, type EngineHandle, type PhaseRunner } from './engine.js';
import type { Task } from './messages.js';

/**
 * Takes part in a network's work on the calling thread: binds the kernels to the heap and returns the function
 * that runs one task.
 *
 * @param thread a place that no other thread holds: it decides whose scratch, stack and arguments are used
 */
export function joinEngine(handle: EngineHandle, thread: number): (task: Task) => void {
  const { heap, plan } = openHeap(handle);
  const backend = createBackend(
    handle.backend,
    handle.block,
    thread,
    heap.doubles(plan.argumentSpaces[thread]!),
  );
  // Bound when first used: an evaluation of a model needs no training kernels.
  const networks = new Array<Network | undefined>(SLOTS).fill(undefined);
  return ({ phase, slot, part }) => {
    networks[slot] ??= new Network(backend, heap, plan, thread, slot);
    networks[slot].run(phase, part);
  };
}

/**
 * Takes a free place for a worker thread.
 *
 * @param threadId the worker's own, above 0; a place it holds already is kept
 * @throws Error when every place is taken
 */
export function claimThreadPlace(
  handle: Pick<EngineHandle, 'backend' | 'sizes' | 'block'>,
  threadId: number,
): number {
  const { heap, plan } = openHeap(handle);
  const owners = heap.flatIndices(plan.threadOwners);
  for (let place = 0; place < owners.length; place++) {
    const owner = Atomics.compareExchange(owners, place, 0, threadId);
    if (owner === 0 || owner === threadId) return place;
  }
  throw new Error('no place is free for another worker thread');
}

/** Runs the parts of every phase one after the other on the calling thread: the same bits without a pool. */
export function createLocalRunner(handle: EngineHandle): PhaseRunner {
  const run = joinEngine(handle, 0);
  return (phase, slot) => {
    for (let part = 0; part < handle.sizes.parts; part++) run({ phase, slot, part });
    return Promise.resolve();
  };
}
