import { expect, it } from 'vitest';
import { adagrad } from '../../src/backend/kernels/adagrad.js';
import { adam, type AdamSetting } from '../../src/backend/kernels/adam.js';
import { momentum } from '../../src/backend/kernels/momentum.js';
import {
  rmsprop,
  rmspropCentered,
  rmspropCenteredMomentum,
  rmspropMomentum,
} from '../../src/backend/kernels/rmsprop.js';
import { PLAIN_ROWS } from '../../src/backend/kernels/rows.js';
import { sgd } from '../../src/backend/kernels/sgd.js';
import {
  MOST_SETTINGS,
  UPDATE_SETTINGS,
  type UpdateKernel,
  type UpdateSetting,
} from '../../src/backend/kernels/update.js';
import { createReferenceBackend } from '../../src/backend/reference.js';
import { Heap, HeapPlan } from '../../src/tensor/heap.js';

const WEIGHTS = [0.5, -0.3, 0.8];
const GRADIENTS = [
  [0.2, -0.7, 0.05],
  [-0.4, 0.1, 0.3],
  [0.25, 0.6, -0.9],
  [0.1, -0.2, 0.4],
];

interface Case {
  name: string;
  /** What PyTorch comes to (scripts/pytorch_optimizers.py). */
  expected: number[];
  weightDecay?: number;
  run: (weightDecay: number) => number[];
}

/** The weights after a step for each of the gradients. */
function train<Setting extends string>(
  kernel: UpdateKernel<Setting>,
  settingsOf: (step: number) => Record<Setting, number>,
  weightDecay: number,
): number[] {
  const plan = new HeapPlan(8);
  const specs = ['parameter', ...kernel.states].map((name) => plan.tensor(name, [3]));
  const [gradientSpec, scratch] = [plan.tensor('gradient', [3]), plan.tensor('scratch', [32])];
  const [done, settings] = [plan.indices('done', 1), plan.doubles('settings', MOST_SETTINGS)];
  const heap = new Heap(new Uint8Array(new SharedArrayBuffer(plan.bytes)), 8);
  const [parameter, ...states] = specs.map((spec) => heap.tensor(spec));
  const update = createReferenceBackend().bind(kernel, {
    parameter: parameter!,
    states,
    gradient: heap.tensor(gradientSpec),
    rows: PLAIN_ROWS,
    weightDecay,
    done: heap.indices(done),
    settings: heap.doubles(settings),
    scratch: heap.tensor(scratch),
  });
  heap.flat(specs[0]!).set(WEIGHTS);
  GRADIENTS.forEach((gradient, i) => {
    heap.flat(gradientSpec).set(gradient);
    const common = { step: i + 1, scale: 1, clipNorm: Infinity, clipValue: Infinity };
    const all: Record<UpdateSetting | Setting, number> = { ...common, ...settingsOf(i + 1) };
    const names = [...UPDATE_SETTINGS, ...kernel.settings];
    heap.flatDoubles(settings).set(names.map((name) => all[name]));
    update(0, 1);
  });
  return [...heap.flat(specs[0]!)];
}

const runAdam = (weightDecay: number): number[] => {
  const [learningRate, beta1, beta2] = [0.01, 0.9, 0.999];
  const settingsOf = (step: number): Record<AdamSetting, number> => ({
    stepSize: learningRate / (1 - beta1 ** step),
    beta1,
    beta2,
    oneMinusBeta1: 1 - beta1,
    oneMinusBeta2: 1 - beta2,
    inverseCorrection2: 1 / Math.sqrt(1 - beta2 ** step),
    epsilon: 1e-8,
    learningRate,
  });
  return train(adam, settingsOf, weightDecay);
};

const runRmsprop =
  (kernel: typeof rmsprop) =>
  (weightDecay: number): number[] => {
    const usual = { learningRate: 0.01, alpha: 0.99, oneMinusAlpha: 0.01, epsilon: 1e-8 };
    return train(kernel, () => ({ ...usual, momentum: 0.9 }), weightDecay);
  };

const cases: Case[] = [
  {
    name: 'gradient descent',
    expected: [0.4750992528125, -0.2746898589375, 0.799043476125],
    run: (decay) => train(sgd, () => ({ learningRate: 0.1 }), decay),
  },
  {
    name: 'momentum',
    expected: [0.4599361090625, -0.16956075768749998, 0.7969292186250001],
    run: (decay) =>
      train(momentum, () => ({ learningRate: 0.1, momentum: 0.9, nesterov: 0 }), decay),
  },
  {
    name: "Nesterov's momentum",
    expected: [0.4393995917340312, -0.15986976938814373, 0.7967825944186125],
    run: (decay) =>
      train(momentum, () => ({ learningRate: 0.1, momentum: 0.9, nesterov: 1 }), decay),
  },
  {
    name: 'RMSprop',
    expected: [0.4101607350407866, -0.25361822662537564, 0.654032596185239],
    run: runRmsprop(rmsprop),
  },
  {
    name: 'RMSprop with momentum',
    expected: [0.2678213775362521, -0.08991074613827667, 0.32990654066593705],
    run: runRmsprop(rmspropMomentum),
  },
  {
    name: 'centered RMSprop',
    expected: [0.4096851796082609, -0.2531618517964585, 0.6529142869953684],
    run: runRmsprop(rmspropCentered),
  },
  {
    name: 'centered RMSprop with momentum',
    expected: [0.26622256682346673, -0.08832100035789867, 0.32641908366367983],
    run: runRmsprop(rmspropCenteredMomentum),
  },
  {
    name: 'Adagrad',
    expected: [0.41049704760102135, -0.2534153168190366, 0.654196736607427],
    run: (decay) => train(adagrad, () => ({ learningRate: 0.1, epsilon: 1e-10 }), decay),
  },
  {
    name: 'Adam',
    weightDecay: 0,
    expected: [0.491376639805517, -0.284719905199328, 0.7862593218917255],
    run: runAdam,
  },
  {
    name: 'AdamW',
    expected: [0.49038904626189816, -0.2841405025557363, 0.7846819710243361],
    run: runAdam,
  },
];

it.each(cases)("$name goes PyTorch's way", ({ run, expected, weightDecay = 0.05 }) => {
  const weights = run(weightDecay);
  weights.forEach((weight, i) => {
    expect(weight).toBeCloseTo(expected[i]!, 12);
  });
});
