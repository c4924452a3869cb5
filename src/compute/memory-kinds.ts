import type { BackendKind } from '../backend/block.js';
import type { NetworkPlan } from '../model/plan.js';
import type { NetworkSizes } from '../model/sizes.js';
import type { BufferSpec } from '../tensor/heap.js';
import { planEngine } from './engine-memory.js';

/** What the planned memory of a network is for. */
export type MemoryKind =
  | 'weights'
  | 'packed weights'
  | 'optimizer'
  | 'averages'
  | 'gradients'
  | 'activations'
  | 'batches'
  | 'threads';

/** Bytes of a network's memory by what they are for; together all that is planned. Kinds that have nothing are absent. */
export function memoryByKind(
  backend: BackendKind,
  sizes: NetworkSizes,
): Partial<Record<MemoryKind, number>> {
  const { buffers, plan } = planEngine(backend, sizes);
  const kinds = kindsOf(plan);
  const found: Partial<Record<MemoryKind, number>> = {};
  const add = (kind: MemoryKind, bytes: number): void => {
    if (bytes > 0) found[kind] = (found[kind] ?? 0) + bytes;
  };
  for (const spec of buffers.buffers) add(kinds.get(spec) ?? kindByName(spec.name), spec.bytes);
  // Stacks of threads, and what lies between buffers, which begin on cache lines.
  const listed = Object.values(found).reduce((sum, bytes) => sum + bytes, 0);
  add('threads', buffers.bytes - listed);
  return found;
}

/** Of the buffers that the plan itself tells apart. */
function kindsOf(plan: NetworkPlan): Map<BufferSpec, MemoryKind> {
  const kinds = new Map<BufferSpec, MemoryKind>();
  const note = (kind: MemoryKind, value: unknown): void => {
    if (isBuffer(value)) kinds.set(value, kind);
    else if (typeof value === 'object' && value !== null) {
      for (const each of Object.values(value)) note(kind, each);
    }
  };
  for (const parameter of plan.parameters) {
    const { value, states, gradient, squares, done, average, averaged, accumulated } = parameter;
    note('weights', value);
    note('optimizer', [states, done]);
    note('averages', [average, averaged]);
    note('gradients', [gradient, squares, accumulated]);
  }
  note('gradients', plan.gradients?.outputs);
  note('batches', [plan.slots, plan.bounds, plan.divisors, plan.results]);
  note('threads', [plan.scratch, plan.argumentSpaces, plan.threadOwners, plan.clocks]);
  note('threads', [
    plan.wholeSeconds,
    plan.claims,
    plan.progress,
    plan.arrivals,
    plan.attempt,
    plan.succession,
    plan.moments,
  ]);
  note('threads', [plan.settings, plan.averageSettings, plan.accumulationSettings]);
  // Where gradients take the place of values, these count.
  for (const { values } of plan.layers) note('activations', values);
  return kinds;
}

function isBuffer(value: unknown): value is BufferSpec {
  return typeof value === 'object' && value !== null && 'offset' in value && 'bytes' in value;
}

/** Of what layers keep to themselves: gradients on the way down are `d …`, what products read is packed. */
function kindByName(name: string): MemoryKind {
  if (/^packed /.test(name)) return 'packed weights';
  return /(^| )d /.test(name) ? 'gradients' : 'activations';
}
