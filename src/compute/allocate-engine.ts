import type { BackendKind } from '../backend/block.js';
import { allocateBlock } from '../backend/select.js';
import type { NetworkSizes } from '../model/sizes.js';
import { plannedBytes, type EngineHandle } from './engine-memory.js';

/**
 * Plans and allocates the memory of a network.
 *
 * @param training whether whoever is told that there is too little trains: evaluations on the way are part of that
 * @throws UserError when the machine or the backend has less
 */
export function allocateEngine(
  backend: BackendKind,
  sizes: NetworkSizes,
  training = true,
): EngineHandle {
  const bytes = plannedBytes(backend, sizes);
  return { backend, sizes, block: allocateBlock(backend, bytes, training) };
}
