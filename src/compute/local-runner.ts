import type { Backend } from '../backend/backend.js';
import { Network } from '../model/network.js';
import type { Phase } from '../model/phases.js';
import type { NetworkPlan } from '../model/plan.js';
import { SLOTS } from '../model/sizes.js';
import type { Heap } from '../tensor/heap.js';
import type { StageRunner } from './engine.js';
import { openHeap, type EngineHandle } from './engine-memory.js';
import { phasesOf } from './messages.js';

/** All of a network's work on one thread, which waits for nobody: what browsers have. */

/** A thread's networks, one for each slot, bound when first used: evaluation needs no training kernels. */
export function bindNetworks(
  backend: Backend,
  heap: Heap,
  plan: NetworkPlan,
  thread: number,
): (slot: number) => Network {
  const networks = new Array<Network | undefined>(SLOTS).fill(undefined);
  return (slot) => (networks[slot] ??= new Network(backend, heap, plan, thread, slot));
}

/** Runs all parts of a stage's phases on the calling thread: within a phase, each from one meeting of its team to the next. */
export function runInTurns(
  network: Network,
  phases: readonly Phase[],
  parts: number,
  claims: Int32Array,
): void {
  claims.fill(0);
  for (const phase of phases) {
    let shares = Array.from({ length: parts }, (_, part) => network.run(phase, part));
    while (shares.length > 0) shares = shares.filter((share) => share.next().done !== true);
  }
}

/**
 * Runs every phase on the calling thread.
 *
 * @param backend bound to the handle's memory
 * @param thread the place that it is bound for
 */
export function runLocally(handle: EngineHandle, backend: Backend, thread: number): StageRunner {
  const { heap, plan } = openHeap(handle);
  const networkOf = bindNetworks(backend, heap, plan, thread);
  const claims = heap.flatIndices(plan.claims);
  return (stage, slot) => {
    const { sizes } = handle;
    runInTurns(networkOf(slot), phasesOf(stage, sizes), sizes.parts, claims);
    return Promise.resolve();
  };
}
