import { schemaOf } from '../zod.js';
import type { OptimizerDescription, OptimizerKind } from './optimizer.js';
import { optimizers } from './registry.js';

/**
 * A description whose options its kind's schema has checked, and completed by their defaults.
 *
 * @throws z.ZodError for options that it does not accept
 */
export function checkOptimizer(
  kind: keyof typeof optimizers,
  options: Readonly<Record<string, unknown>> = {},
): OptimizerDescription {
  const found: OptimizerKind = optimizers[kind];
  return { kind, options: schemaOf(found.options).parse(options) };
}
