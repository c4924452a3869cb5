import { heapTraits, type BackendKind, type SharedBlock } from '../backend/block.js';
import { planNetwork, type NetworkPlan } from '../model/plan.js';
import { threadPlaces, type NetworkSizes } from '../model/sizes.js';
import { Heap, HeapPlan } from '../tensor/heap.js';

/*
 * The memory of an engine: all buffers of a network on a backend's heap. It follows from the sizes alone, so that every thread
 * that has these plans the same.
 */

/** What a thread needs to take part: the block of memory and the numbers that its plan follows from. */
export interface EngineHandle {
  backend: BackendKind;
  sizes: NetworkSizes;
  block: SharedBlock;
}

/** The heap and plan that belong to a handle: equal on every thread. */
export function openHeap(handle: Pick<EngineHandle, 'backend' | 'sizes' | 'block'>): {
  heap: Heap;
  plan: NetworkPlan;
} {
  const { buffers, plan } = planEngine(handle.backend, handle.sizes);
  return { heap: new Heap(handle.block.bytes, buffers.floatBytes), plan };
}

interface EnginePlan {
  buffers: HeapPlan;
  plan: NetworkPlan;
}

/** What has been planned: each thread asks several times for the same. */
const planned = new WeakMap<NetworkSizes, Map<BackendKind, EnginePlan>>();

/** All buffers of a network on a backend's heap. */
export function planEngine(backend: BackendKind, sizes: NetworkSizes): EnginePlan {
  const plans = planned.get(sizes) ?? new Map<BackendKind, EnginePlan>();
  planned.set(sizes, plans);
  const known = plans.get(backend);
  if (known) return known;
  const { floatBytes, reserved } = heapTraits(backend, threadPlaces(sizes.parts));
  const buffers = new HeapPlan(floatBytes, reserved);
  const made = { buffers, plan: planNetwork(buffers, sizes) };
  plans.set(backend, made);
  return made;
}

/** Bytes of memory that a network will take. */
export function plannedBytes(backend: BackendKind, sizes: NetworkSizes): number {
  return planEngine(backend, sizes).buffers.bytes;
}
