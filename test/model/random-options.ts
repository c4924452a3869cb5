import fc from 'fast-check';

/** Enough that no value of any layer is 16 times another's, and more than two panels. */
export const WIDEST = 40;

/** What the JSON Schema of a layer's options says of one of them. */
export interface Option {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  exclusiveMaximum?: number;
  properties?: Record<string, Option>;
  required?: string[];
  anyOf?: Option[];
  items?: Option;
  minItems?: number;
}

/**
 * Values that an option may have.
 *
 * @throws Error for a kind of option that nothing is said about here
 */
export function optionOf(option: Option): fc.Arbitrary<unknown> {
  if (option.const !== undefined) return fc.constant(option.const);
  if (option.enum) return fc.constantFrom(...option.enum);
  if (option.anyOf) return fc.oneof(...option.anyOf.map(optionOf));
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = option;
  switch (option.type) {
    case 'boolean':
      return fc.boolean();
    case 'integer': {
      const min = minimum ?? (exclusiveMinimum ?? 0) + 1;
      const max = maximum ?? (exclusiveMaximum ?? Infinity) - 1;
      return fc.integer({ min, max: Math.min(max, min + WIDEST - 1) });
    }
    case 'number': {
      const [low, high] = [minimum ?? exclusiveMinimum ?? 0, maximum ?? exclusiveMaximum ?? 1];
      const first = low > 0 || (minimum === undefined && exclusiveMinimum !== undefined) ? 1 : 0;
      const last = maximum === undefined ? 7 : 8;
      // By eighths: neither so near to a limit that a network amplifies all rounding, nor a share that is never exact.
      return fc
        .integer({ min: first, max: last })
        .map((eighths) => low + ((high - low) * eighths) / 8);
    }
    case 'array': {
      const { items, minItems: minLength = 0 } = option;
      return fc.array(optionOf(items!), { minLength, maxLength: minLength + 2, size: 'max' });
    }
    case 'object': {
      // Not a number's default, which may be near a limit.
      const numbers = Object.entries(option.properties ?? {}).filter(
        ([, { type }]) => type === 'number',
      );
      return fc.record(
        Object.fromEntries(
          Object.entries(option.properties ?? {}).map(([key, value]) => [key, optionOf(value)]),
        ),
        { requiredKeys: [...(option.required ?? []), ...numbers.map(([key]) => key)] },
      );
    }
    default:
      throw new Error(`cannot draw ${JSON.stringify(option)}: say here how`);
  }
}
