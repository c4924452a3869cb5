import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { chooseBackend } from '../../src/backend/select.js';
import { SLOT } from '../../src/model/sizes.js';
import { packageFile } from '../../src/package-root.js';
import { WebEngine } from '../../src/web/web-engine.js';
import { ALONE, evaluate, farthest, start } from '../model/network-runs.js';
import { casesOf, isSmooth, sketch } from '../model/random-networks.js';
import { checkAll, NETWORKS } from '../model/shares-of-networks.js';

/** As of networks whose products have no fused multiply-add (test/model/random-networks.test.ts). */
const TOLERANCE = 2e-5;

const kernels = new WebAssembly.Module(readFileSync(packageFile('kernels/wasm/lockstep-web.wasm')));
const compiled = chooseBackend('auto');

it('any network predicts with the kernels for browsers, which have none for training, what it predicts here', () =>
  checkAll('web kernels', casesOf(100_000), NETWORKS / 4, async (drawn) => {
    const own = await start(drawn, compiled.kind, ALONE);
    const expected = await evaluate(own);
    const sizes = { ...own.engine.handle.sizes, training: false, averages: false };
    const web = new WebEngine(kernels, sizes, (name, to) => {
      to.set(own.engine.parameter(name));
    });
    const outcome = await web.take((engine) => {
      engine.clearState(SLOT.evaluation);
      return evaluate({ ...own, engine });
    });
    expect([...outcome.keys()]).toEqual([...expected.keys()]);
    if (!isSmooth(drawn)) return;
    expect(farthest(outcome, expected).distance, sketch(drawn)).toBeLessThan(TOLERANCE);
  }));
