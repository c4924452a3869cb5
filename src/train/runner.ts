import { createBackend } from '../backend/select.js';
import { Network, type Phase } from '../model/network.js';
import { SLOTS, type NetworkPlan } from '../model/plan.js';
import { PANEL, type Heap } from '../tensor/heap.js';
import { openHeap, type EngineHandle, type StageRunner } from './engine.js';
import { STAGES, type Task } from './messages.js';

/** How long a worker looks for the others before it goes to sleep, in milliseconds. */
const SPIN_MS = 0.05;

/** Count of a part that nobody will finish: whoever waits for it gives up. */
export const ABANDONED = 0x7fff_ffff;

/**
 * Takes part in a network's work on the calling thread: binds the kernels to the heap and returns the function
 * that runs one task.
 *
 * Between two phases a worker waits until every part has finished the first one; counts of finished phases, by part,
 * lie on the heap. When a worker dies its task is given to another, which goes on with the first phase that the part
 * has not finished: that one may be repeated from its start.
 *
 * @param thread a place that no other thread holds: it decides whose scratch, stack and arguments are used
 * @param around runs each phase; tests bring one that does harm
 */
export function joinEngine(
  handle: EngineHandle,
  thread: number,
  around: (phase: Phase, part: number, run: () => void) => void = (_phase, _part, run) => run(),
): (task: Task) => void {
  const { heap, plan } = openHeap(handle);
  const networkOf = bindNetworks(handle, heap, plan, thread);
  const progress = heap.flatIndices(plan.progress);
  return ({ stage, slot, part, begin }) => {
    const network = networkOf(slot);
    const phases = STAGES[stage];
    for (const [index, phase] of phases.entries()) {
      const finished = begin + index + 1;
      if (Atomics.load(progress, placeOf(part)) < finished) {
        around(phase, part, () => network.run(phase, part));
        Atomics.store(progress, placeOf(part), finished);
        Atomics.notify(progress, placeOf(part));
      }
      if (index + 1 === phases.length) return;
      for (let other = 0; other < handle.sizes.parts; other++) {
        if (!awaitCount(progress, placeOf(other), finished)) return;
      }
    }
  };
}

/** A thread's networks, one for each slot, bound when first used: evaluation needs no training kernels. */
function bindNetworks(
  handle: EngineHandle,
  heap: Heap,
  plan: NetworkPlan,
  thread: number,
): (slot: number) => Network {
  const space = heap.doubles(plan.argumentSpaces[thread]!);
  const backend = createBackend(handle.backend, handle.block, thread, space);
  const networks = new Array<Network | undefined>(SLOTS).fill(undefined);
  return (slot) => (networks[slot] ??= new Network(backend, heap, plan, thread, slot));
}

/** Where a part's count lies: each in a cache line of its own. */
export function placeOf(part: number): number {
  return part * PANEL;
}

/** Waits until a count has been reached; false when it is abandoned. */
function awaitCount(progress: Int32Array, place: number, goal: number): boolean {
  const start = performance.now();
  for (;;) {
    const count = Atomics.load(progress, place);
    if (count === ABANDONED) return false;
    if (count >= goal) return true;
    if (performance.now() - start > SPIN_MS) Atomics.wait(progress, place, count);
  }
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
export function createLocalRunner(handle: EngineHandle): StageRunner {
  const { heap, plan } = openHeap(handle);
  const networkOf = bindNetworks(handle, heap, plan, 0);
  return (stage, slot) => {
    const network = networkOf(slot);
    for (const phase of STAGES[stage]) {
      for (let part = 0; part < handle.sizes.parts; part++) network.run(phase, part);
    }
    return Promise.resolve();
  };
}
