import * as z from 'zod';
import type { Plateau } from './plateau.js';

/** When an update takes place: what its learning rate may follow from, so that a resumed run goes on as if it had never stopped. */
export interface Moment {
  /** Updates before this one. */
  step: number;
  /** In all. */
  steps: number;
  stepsPerEpoch: number;
  /** Of the rate, for which evaluations have been the reason; 0 when absent. */
  falls?: number;
}

/** One way in which the learning rate goes on after the warm-up, by its name in a config. */
export interface ScheduleKind<
  Kind extends string = string,
  Shape extends z.core.$ZodShape = z.core.$ZodShape,
> {
  kind: Kind;
  /** Keys of its own. */
  options: z.ZodObject<Shape, z.core.$strict>;
  /** Whether it depends on how many updates there will be in all. */
  endsWithRun: boolean;
  /**
   * What the full rate is multiplied by.
   *
   * @param options as the schema has checked them
   * @param moment counted from the end of the warm-up
   * @param full the full rate
   */
  factor(
    options: z.output<z.ZodObject<Shape, z.core.$strict>>,
    moment: Moment,
    full: number,
  ): number;
  /** Of a kind that follows evaluations: what they have to say after one more of them. */
  watch?(
    options: z.output<z.ZodObject<Shape, z.core.$strict>>,
    former: Plateau | undefined,
    loss: number,
  ): Plateau;
}

export function defineSchedule<Kind extends string, Shape extends z.core.$ZodShape>(
  kind: ScheduleKind<Kind, Shape>,
): ScheduleKind<Kind, Shape> {
  return kind;
}
