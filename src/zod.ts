import * as z from 'zod';

/**
 * What the options of kinds in registries are written with. They are given it when somebody asks for their schema: threads that
 * compute never do, and loading the library would take them as long as all the rest. Not the whole library, of which a
 * bundle would then have to hold everything.
 */
export const zod = {
  array: z.array,
  boolean: z.boolean,
  custom: z.custom,
  enum: z.enum,
  int: z.int,
  literal: z.literal,
  number: z.number,
  strictObject: z.strictObject,
  string: z.string,
  union: z.union,
};

export type Zod = typeof zod;

const made = new WeakMap<object, unknown>();

/** The schema of a kind's options, made once: networks are described often, and a schema takes long to make. */
export function schemaOf<T>(options: (z: Zod) => T): T {
  const known = made.get(options) as T | undefined;
  if (known !== undefined) return known;
  const schema = options(zod);
  made.set(options, schema);
  return schema;
}
