import { createBackend } from '../backend/select.js';
import { Network } from '../model/network.js';
import { SLOTS } from '../model/plan.js';
import { openHeap, type EngineHandle, type PhaseRunner } from './engine.js';

/** A thread's networks, one for each slot, bound when first used. */
export function bindNetworks(handle: EngineHandle, thread: number): (slot: number) => Network {
  const { heap, plan } = openHeap(handle);
  const backend = createBackend(
    handle.backend,
    handle.block,
    thread,
    heap.doubles(plan.argumentSpaces[thread]!),
  );
  const networks: (Network | undefined)[] = new Array<undefined>(SLOTS).fill(undefined);
  return (slot) => (networks[slot] ??= new Network(backend, heap, plan, thread, slot));
}

/** Runs the parts of every phase one after the other on the calling thread: same bits, no pool. */
export function createLocalRunner(handle: EngineHandle): PhaseRunner {
  const network = bindNetworks(handle, 0);
  return (phase, slot) => {
    for (let part = 0; part < handle.sizes.parts; part++) network(slot).run(phase, part);
    return Promise.resolve();
  };
}
