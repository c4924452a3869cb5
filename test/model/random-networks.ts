import fc from 'fast-check';
import { z } from 'zod';
import type { RawBatch } from '../../src/model/batch/batch-layout.js';
import { describeNetwork } from '../../src/model/describe.js';
import type { Layer } from '../../src/model/layer.js';
import { LAYERS, layerKind } from '../../src/model/layers/registry.js';
import type { LayerDescription, NetworkShape } from '../../src/model/shape.js';
import type { Signal } from '../../src/model/signal.js';
import type { Teams } from '../../src/model/work/teams.js';
import { rawBatch } from '../parity/fixture.js';

/*
 * Networks of all layers of the registry, as they may stand on each other: layers are wished for, and a layer that says that it cannot
 * take what is below it is left out. A kind that is new in the registry is drawn without a word about it here.
 */

/** A network, a batch for each step, and some ways to divide the work. */
export interface Case {
  shape: NetworkShape;
  batches: RawBatch[];
  /** Besides one part that does all. */
  divisions: Division[];
  seed: number;
}

export interface Division extends Teams {
  /** Where each part's share of the rows begins. [parts + 1] */
  bounds: Float64Array;
}

/** Enough that no value of any layer is 16 times another's, and more than two panels. */
const WIDEST = 40;
const MOST_RECURRENT = 4;
const MOST_LAYERS = 9;
const STEPS = 3;

/** What the JSON Schema of a layer's options says of one of them. */
interface Option {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  exclusiveMaximum?: number;
  properties?: Record<string, Option>;
  required?: string[];
}

/** @throws Error for a kind of option that nothing is said about here */
function optionOf(option: Option): fc.Arbitrary<unknown> {
  if (option.const !== undefined) return fc.constant(option.const);
  if (option.enum) return fc.constantFrom(...option.enum);
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
      const first = minimum === undefined && exclusiveMinimum !== undefined ? 1 : 0;
      const last = maximum === undefined ? 7 : 8;
      // By eighths: neither so near to a limit that a network amplifies all rounding, nor a share that is never exact.
      return fc
        .integer({ min: first, max: last })
        .map((eighths) => low + ((high - low) * eighths) / 8);
    }
    case 'object':
      return fc.record(
        Object.fromEntries(
          Object.entries(option.properties ?? {}).map(([key, value]) => [key, optionOf(value)]),
        ),
        { requiredKeys: option.required ?? [] },
      );
    default:
      throw new Error(`cannot draw ${JSON.stringify(option)}: say here how`);
  }
}

interface Wish {
  kind: string;
  options: unknown;
}

const wishes = new Map(
  LAYERS.map(({ kind, options }) => {
    const schema = z.toJSONSchema(options(z), { io: 'input' }) as Option;
    return [kind, fc.record({ kind: fc.constant(kind), options: optionOf(schema) })] as const;
  }),
);

interface Drawn {
  vocabulary: number;
  wishes: Wish[];
  outputs: number;
  carries: boolean;
  lengths: number[][];
  divisions: Division[];
  seed: number;
}

const drawn: fc.Arbitrary<Drawn> = fc.record({
  vocabulary: fc.integer({ min: 2, max: 60 }),
  wishes: fc.array(fc.oneof(...wishes.values()), {
    minLength: 2,
    maxLength: 3 * MOST_LAYERS,
    size: 'max',
  }),
  outputs: fc.integer({ min: 2, max: WIDEST }),
  carries: fc.boolean(),
  lengths: fc.array(
    fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12, size: 'max' }),
    { minLength: STEPS, maxLength: STEPS },
  ),
  divisions: fc.tuple(...[2, 3, 5, 7].map(divisionOf)),
  seed: fc.integer({ min: 0, max: 1_000_000 }),
});

function divisionOf(parts: number): fc.Arbitrary<Division> {
  const inner = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
    minLength: parts - 1,
    maxLength: parts - 1,
  });
  return fc
    .record({ teams: fc.integer({ min: 1, max: parts }), inner: fc.option(inner) })
    .map(({ teams, inner: uneven }) => ({
      ...{ parts, teams },
      bounds: uneven
        ? Float64Array.from([0, ...uneven.toSorted((a, b) => a - b), 1])
        : Float64Array.from({ length: parts + 1 }, (_, part) => part / parts),
    }));
}

/**
 * Networks with their batches.
 *
 * @param mostWork multiply-adds of a batch forwards: rows that would make it more are left out
 */
export function casesOf(mostWork: number): fc.Arbitrary<Case> {
  return drawn
    .map(({ wishes: wished, vocabulary, outputs, carries, lengths, divisions, seed }) => {
      const network = build(wished, vocabulary, outputs);
      return {
        network,
        carries: carries && network !== undefined && canCarry(network.descriptions, vocabulary),
        lengths,
        divisions,
        seed,
        vocabulary,
        outputs,
      };
    })
    .filter(({ network }) => network !== undefined)
    .map(({ network, carries, lengths, divisions, seed, vocabulary, outputs }) => {
      const { descriptions, layers } = network!;
      const shape = { vocabulary, layers: descriptions, loss: 'softmax', carries };
      const dice = diceOf(seed);
      const perToken = layers.reduce((sum, layer) => sum + layer.multiplyAdds(1, 1), 0);
      const fitting = lengths.map((rows) => {
        const most = Math.max(1, Math.floor(mostWork / perToken));
        return rows.reduce<number[]>((fit, length, row) => {
          const taken = fit.reduce((sum, each) => sum + each, 0);
          if (row === 0) return [Math.min(length, most)];
          return taken + length > most ? fit : [...fit, length];
        }, []);
      });
      // Rows that go on in the next batch are as many there.
      const count = Math.min(...fitting.map((rows) => rows.length));
      const { per } = layers.at(-1)!.output;
      const batches = fitting.map((all) => {
        const rows = carries ? all.slice(0, count) : all;
        const each = (below: number): number[][] =>
          rows.map((length) => Array.from({ length }, () => dice(below)));
        const targets = per === 'token' ? each(outputs) : undefined;
        return rawBatch(
          each(vocabulary),
          rows.map(() => dice(outputs)),
          targets,
        );
      });
      return { shape, batches, divisions, seed };
    });
}

/** The wishes that can be had, with a head on top; nothing where none leads from tokens to a head. */
function build(
  wished: readonly Wish[],
  vocabulary: number,
  outputs: number,
): { descriptions: LayerDescription[]; layers: Layer[] } | undefined {
  const descriptions: LayerDescription[] = [];
  const layers: Layer[] = [];
  let top: Signal = { per: 'distinct', width: vocabulary, isTokens: true };
  const add = (kind: string, given: unknown): boolean => {
    const options = layerKind(kind).options(z).parse(given);
    const name = { module: `${kind}_${layers.length}`, index: layers.length };
    let layer: Layer;
    try {
      layer = layerKind(kind).describe(options, top, name);
    } catch {
      return false;
    }
    descriptions.push({ kind, name, options });
    layers.push(layer);
    top = layer.output;
    return true;
  };
  const recurrent = (): number => layers.flatMap(({ recurrences = [] }) => recurrences).length;
  for (const { kind, options } of wished) {
    if (layers.length === MOST_LAYERS || recurrent() === MOST_RECURRENT) break;
    add(kind, options);
  }
  return recurrent() > 0 && add('dense', { width: outputs }) ? { descriptions, layers } : undefined;
}

/** Whether rows may go on from batch to batch: what reads them from their ends refuses it. */
function canCarry(layers: LayerDescription[], vocabulary: number): boolean {
  try {
    describeNetwork({ vocabulary, layers, loss: 'softmax', carries: true });
    return true;
  } catch {
    return false;
  }
}

/** Draws whole numbers below a bound, by a linear congruential generator: fast, and nothing here need be shrunk one by one. */
export function diceOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A network in one line, for messages. */
export function sketch({ shape, batches }: Case): string {
  const layers = shape.layers.map(({ kind, options }) => `${kind} ${JSON.stringify(options)}`);
  const rows = batches.map(({ rowStart }) =>
    Array.from(rowStart.slice(1), (end, row) => end - rowStart[row]!).join(' '),
  );
  return `${shape.vocabulary} words, ${layers.join(', ')}${shape.carries ? ', carries' : ''}; rows ${rows.join(' | ')}`;
}
