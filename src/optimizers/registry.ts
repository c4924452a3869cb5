import { adagrad } from './adagrad.js';
import { adam, adamw } from './adam.js';
import type { Optimizer, OptimizerDescription, OptimizerKind } from './optimizer.js';
import { rmsprop } from './rmsprop.js';
import { sgd } from './sgd.js';

/** Every kind of optimizer, by its name in a config; the first one is the usual one. */
export const optimizers = { adam, adamw, sgd, rmsprop, adagrad } as const;

/** @throws Error for a kind that there is not: configs have been checked */
export function createOptimizer({ kind, options }: OptimizerDescription): Optimizer {
  const found = (Object.values(optimizers) as readonly OptimizerKind[]).find(
    (each) => each.kind === kind,
  );
  if (!found) throw new Error(`there is no optimizer ${kind}`);
  return found.create(options);
}

/** The optimizer of a config. */
export interface OptimizerConfig {
  kind: string;
  learningRate: number;
  schedule: unknown;
}

const COMMON: ReadonlySet<string> = new Set<keyof OptimizerConfig>([
  'kind',
  'learningRate',
  'schedule',
]);

/** What a config says of an optimizer, without what changes from step to step. */
export function describeOptimizer(config: OptimizerConfig): OptimizerDescription {
  const own = Object.entries(config).filter(([key]) => !COMMON.has(key));
  return { kind: config.kind, options: Object.fromEntries(own) };
}
