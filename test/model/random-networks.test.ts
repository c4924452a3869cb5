import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { chooseBackend } from '../../src/backend/select.js';
import { loadModel, loadOptimizer, Snapshot } from '../../src/checkpoint/checkpoint.js';
import { createDisturbedRunner } from './disturbed-runner.js';
import { ALONE, differingBits, evaluate, farthest, start, trainSteps } from './network-runs.js';
import { casesOf, isSmooth, sketch, type Case } from './random-networks.js';
import { checkAll, isLong, NETWORKS } from './shares-of-networks.js';
import { compareGradients, firstGradients, gradientDistance } from './true-gradients.js';

/*
 * float32 rounds by 6e-8. A value goes through sums of some 40 products, 4 layers and 20 steps, through which weights of this size
 * neither amplify nor damp it much, and three updates of 0.05 · g / (|g| + 0.01) at most, which amplify an error of g up to fivefold: most
 * networks differ by 2e-7, the worst of some hundred by 1e-6. A wrong term shows as 1e-3 or more.
 */
const TOLERANCE = 2e-5;

/*
 * In bfloat16 factors are rounded by 2^-9 at most. A network of float64 that rounds them alike has other last bits of float32 before, so that one factor
 * in some ten thousands falls on the other side, 2^-8 away, and is one of some ten in a sum: of sixty networks two differed by 1e-4, the
 * others by 1e-6 or less. One that does not round has gradients that differ by some 2^-8, here and there, where terms cancel out, by ten times as
 * much. A gradient that is missing, or of other tokens, differs by 1.
 */
const ROUNDED_ALIKE = 2e-3;
const NOT_ROUNDED = 0.1;

const compiled = chooseBackend('auto');
const wasm = chooseBackend('wasm');
const folder = mkdtempSync(path.join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** With products of float32, and of bfloat16: in these a number that is rounded may fall on either side where its last bits are others. */
const inBoth = (cases: fc.Arbitrary<Case>): fc.Arbitrary<Case> =>
  fc
    .tuple(cases, fc.constantFrom('float32' as const, 'bfloat16' as const))
    .map(([drawn, precision]) => ({ ...drawn, precision }));

it('any network trains and predicts to the same bits however its work is divided, in WebAssembly, too', () =>
  checkAll('same bits', inBoth(casesOf(100_000)), NETWORKS, async (drawn) => {
    const alone = await start(drawn, compiled.kind, ALONE);
    const expected = new Map([...(await trainSteps(alone)), ...(await evaluate(alone))]);
    const compare = async (kind: typeof compiled.kind, number: number): Promise<void> => {
      const division = drawn.divisions[number % drawn.divisions.length]!;
      const divided = await start(drawn, kind, division, (handle) =>
        createDisturbedRunner(handle, { seed: drawn.seed, deaths: 2 }),
      );
      const outcome = new Map([...(await trainSteps(divided)), ...(await evaluate(divided))]);
      const where = `${kind}, ${division.parts} parts, ${division.teams} teams: ${sketch(drawn)}`;
      if (kind === compiled.kind || wasm.profile === compiled.profile) {
        expect(differingBits(outcome, expected), where).toBeUndefined();
      } else if (drawn.precision === 'float32' && isSmooth(drawn)) {
        expect(farthest(outcome, expected).distance, where).toBeLessThan(TOLERANCE);
      }
    };
    // One division of either backend for every network: in the long run all of them.
    if (!isLong) return compare(drawn.seed % 2 ? compiled.kind : wasm.kind, drawn.seed >> 1);
    for (const number of drawn.divisions.keys()) {
      for (const { kind } of [compiled, wasm]) await compare(kind, number);
    }
  }));

it('any network has the values of float64, and its gradients are what finite differences say', () =>
  checkAll('float64', casesOf(10_000).filter(isSmooth), NETWORKS / 16, async (drawn) => {
    const single = await start(drawn, compiled.kind, ALONE);
    const double = await start(drawn, 'reference', ALONE);
    const { name, distance } = farthest(await trainSteps(single), await trainSteps(double));
    expect(distance, `${name}: ${sketch(drawn)}`).toBeLessThan(TOLERANCE);
    await compareGradients(double, drawn);
  }));

it('any network in bfloat16 has the gradients of float64 that is rounded alike, and nearly those that are not rounded', () =>
  checkAll('gradients', casesOf(10_000).filter(isSmooth), NETWORKS / 25, async (drawn) => {
    const rounded: Case = { ...drawn, precision: 'bfloat16' };
    const gradients = await firstGradients(await start(rounded, compiled.kind, ALONE));
    const alike = await firstGradients(await start(rounded, 'reference', ALONE));
    const exact = await firstGradients(await start(drawn, 'reference', ALONE));
    expect(gradientDistance(gradients, alike), sketch(rounded)).toBeLessThan(ROUNDED_ALIKE);
    expect(gradientDistance(gradients, exact), sketch(rounded)).toBeLessThan(NOT_ROUNDED);
  }));

it('any network goes on from a checkpoint to the same bits', () =>
  checkAll('checkpoints', inBoth(casesOf(50_000)), NETWORKS / 16, async (drawn) => {
    const [first, second] = drawn.divisions;
    const steps = drawn.batches.length;
    const stopped = await start(drawn, compiled.kind, first!);
    await trainSteps(stopped, 0, steps - 1);
    const slot = (steps - 1) % 2;
    const snapshot = new Snapshot(stopped.engine);
    snapshot.take(slot);
    const checkpoint = await snapshot.write(folder, 'step-00000002', {
      ...{ step: steps - 1, position: { epoch: 0, batch: 0, stepsPerEpoch: 1 }, seed: drawn.seed },
      ...{ profile: compiled.profile, corpus: '', vocabulary: '' },
      validation: { step: 0, withoutImprovement: 0 },
    });
    const expected = await trainSteps(stopped, steps - 1);
    const resumed = await start(drawn, compiled.kind, second!);
    const engine = resumed.engine;
    await loadModel(engine, checkpoint);
    await loadOptimizer(engine, checkpoint, slot);
    await engine.packWeights();
    expect(
      differingBits(await trainSteps(resumed, steps - 1), expected),
      sketch(drawn),
    ).toBeUndefined();
  }));
