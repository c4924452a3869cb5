import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LAYERS } from '../../src/model/layers/registry.js';
import { amx, compiled, type Implementation } from '../backend/implementations.js';
import { ALONE, differingBits, evaluate, start, trainSteps, type Outcome } from './network-runs.js';
import { casesOf, sketch, withInner, type Case } from './random-networks.js';
import { NETWORKS } from './shares-of-networks.js';

/*
 * Products of bfloat16 are summed in one order on every set of instructions, through tiles or without, and all else rounds alike wherever
 * multiply-adds are fused: so a network's bits do not tell what it was trained on.
 */

/** Some networks, and those that have a kind of layer which none before has. */
const networks = fc
  .sample(casesOf(50_000), NETWORKS)
  .filter((drawn, number, all) => {
    const isNew = (kind: string): boolean =>
      !all.slice(0, number).some((each) => kindsOf(each).includes(kind));
    return number < NETWORKS / 12 || kindsOf(drawn).some(isNew);
  })
  .map((drawn): Case => ({ ...drawn, precision: 'bfloat16' }));
const [first, ...others] = [...compiled, amx].filter(({ profile }) => profile === 'fma-float32');

function kindsOf({ shape }: Case): string[] {
  return shape.layers.flatMap(withInner).map(({ kind }) => kind);
}

afterEach(() => vi.unstubAllEnvs());

/** What is left of training and evaluating a network on one of the implementations. */
async function outcomeOn({ name }: Implementation, drawn: Case, number: number): Promise<Outcome> {
  const [kind, set = ''] = name.split(' ');
  vi.stubEnv('LOCKSTEP_INSTRUCTIONS', kind === 'native' ? set : '');
  const division = number === 0 ? ALONE : drawn.divisions[number % drawn.divisions.length]!;
  const running = await start(drawn, kind === 'native' ? 'native' : 'wasm', division);
  return new Map([...(await trainSteps(running)), ...(await evaluate(running))]);
}

const able = first!.missing === undefined ? first! : others.find(({ missing }) => !missing);
const expected = new Map<Case, Promise<Outcome>>();
const expectedOf = (drawn: Case): Promise<Outcome> => {
  const known = expected.get(drawn) ?? outcomeOn(able!, drawn, 0);
  expected.set(drawn, known);
  return known;
};

describe('networks in bfloat16', () => {
  it('of all kinds of layers are among those that are compared', () => {
    const seen = new Set(networks.flatMap(kindsOf));
    expect(LAYERS.map(({ kind }) => kind).filter((kind) => !seen.has(kind))).toEqual([]);
  });

  for (const [number, implementation] of others.entries()) {
    const name = `have the same bits on ${implementation.name} as on ${able?.name ?? 'others'}`;
    const { missing } = implementation;
    if (missing !== undefined || !able || implementation === able) {
      it.skip(`${name}: ${missing ?? 'there is nothing to compare with'}`, () => undefined);
      continue;
    }
    it(name, async () => {
      for (const drawn of networks) {
        const outcome = await outcomeOn(implementation, drawn, number + 1);
        expect(differingBits(outcome, await expectedOf(drawn)), sketch(drawn)).toBeUndefined();
      }
    });
  }
});
