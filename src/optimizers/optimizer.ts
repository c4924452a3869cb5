import type { z } from 'zod';
import type { Zod } from '../zod.js';
import type { UpdateKernel } from '../backend/kernels/update.js';

/** How weights follow from their gradients. */
export interface Optimizer {
  kernel: UpdateKernel;
  /** Of the weights; biases and the like have none. */
  weightDecay: number;
  /**
   * The numbers that the kernel calls its settings.
   *
   * @param step number of the update, from 1
   * @param rate its learning rate
   */
  settings(step: number, rate: number): Record<string, number>;
}

/** Plain data, which every thread is sent: it decides the kernel and what is kept of each weight. */
export interface OptimizerDescription {
  kind: string;
  /** As the kind's schema has given them. */
  options: unknown;
}

/** One kind of optimizer, by its name in a config. */
export interface OptimizerKind<
  Kind extends string = string,
  Shape extends z.core.$ZodShape = z.core.$ZodShape,
> {
  kind: Kind;
  /** Unless a config says otherwise: PyTorch's. */
  learningRate: number;
  /** Keys of its own, with PyTorch's defaults. */
  options: (zod: Zod) => z.ZodObject<Shape, z.core.$strict>;
  /** @param options as its schema has given them */
  create(options: unknown): Optimizer;
}

/** A kind from what tells it from others. */
export function defineOptimizer<Kind extends string, Shape extends z.core.$ZodShape>(definition: {
  kind: Kind;
  learningRate: number;
  options: (zod: Zod) => z.ZodObject<Shape, z.core.$strict>;
  create(options: z.output<z.ZodObject<Shape, z.core.$strict>>): Optimizer;
}): OptimizerKind<Kind, Shape> {
  return {
    ...definition,
    create: (options) => definition.create(options as z.output<z.ZodObject<Shape, z.core.$strict>>),
  };
}
