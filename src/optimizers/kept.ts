import type { AveragingConfig } from './averaging.js';
import { createOptimizer, describeOptimizer, type OptimizerConfig } from './registry.js';

/** What checkpoints call the weights themselves, where the model's file holds their averages. */
export const RAW = 'raw';

/** What a run keeps of each weight beside the model: by PyTorch's names, what its optimizer does. */
export function keptOf(config: {
  optimizer: OptimizerConfig;
  averaging: AveragingConfig | null;
}): readonly string[] {
  const { states } = createOptimizer(describeOptimizer(config.optimizer)).kernel;
  return config.averaging === null ? states : [...states, RAW];
}
