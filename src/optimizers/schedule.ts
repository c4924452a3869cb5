import { z } from 'zod';

/** When an update takes place: what its learning rate may follow from, so that a resumed run goes on as if it had never stopped. */
export interface Moment {
  /** Updates before this one. */
  step: number;
  /** In all. */
  steps: number;
  stepsPerEpoch: number;
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
   */
  factor(options: z.output<z.ZodObject<Shape, z.core.$strict>>, moment: Moment): number;
}

export function defineSchedule<Kind extends string, Shape extends z.core.$ZodShape>(
  kind: ScheduleKind<Kind, Shape>,
): ScheduleKind<Kind, Shape> {
  return kind;
}
