import { checkOptimizer } from '../../src/optimizers/check.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { chooseBackend } from '../../src/backend/select.js';
import type { Precision } from '../../src/backend/backend.js';
import { UserError } from '../../src/errors.js';
import type { RawBatch } from '../../src/model/batch/raw-batch.js';
import type { StepResult } from '../../src/model/batch/step-results.js';
import type { Phase } from '../../src/model/phases.js';
import type { NetworkSizes } from '../../src/model/sizes.js';
import { describeStack } from '../../src/model/graph/stack.js';
import { Engine } from '../../src/compute/engine.js';
import { allocateEngine } from '../../src/compute/allocate-engine.js';
import type { EngineHandle } from '../../src/compute/engine-memory.js';
import { phasesOf } from '../../src/compute/messages.js';
import { createWorkerPool, type WorkerPool } from '../../src/compute/pool.js';
import { createLocalRunner } from '../../src/compute/runner.js';
import { bundleModule } from './thread-module.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
const entry = bundleModule(folder, 'dying-compute.js');

/**
 * A death of the thread that runs a part of a phase: before the work itself, between meetings, when it has claimed a
 * piece of work, or after it.
 */
interface Death {
  phase: Phase;
  /** Absent: whoever comes first. */
  part?: number;
  when: 'before' | 'between' | 'amid' | 'after';
  way:
    | 'exit'
    | 'out of memory'
    | 'uncaught error'
    | 'rejected promise'
    | 'error between tasks'
    | 'error';
  times: number;
  /** Number of the update, from 1; absent: the first that comes. */
  step?: number;
  /** Number of the meeting between which and the one before it dies, from 1; absent: the first that comes. */
  met?: number;
}

const sizes: NetworkSizes = {
  shape: describeStack({
    ...{ vocabulary: 30, embedding: { width: 8 }, dropout: 0.2, predicts: 'row', outputs: 3 },
    features: [{ values: 9, width: 6, letters: { most: 3, width: 5, read: 'lstm' } }],
    layers: [
      { kind: 'lstm', hiddenSize: 20 },
      { kind: 'lstm', hiddenSize: 9 },
    ],
  }),
  maxRows: 8,
  maxTokens: 48,
  maxSteps: 6,
  parts: 2,
  teams: 2,
  shards: 4,
  seed: 1,
  training: true,
  optimizer: checkOptimizer('adam'),
};
const optimizer = { learningRate: 0.01, clipNorm: 1 };

/** Rows of 1 to 6 tokens. */
const batch: RawBatch = {
  rows: 8,
  rowStart: Int32Array.of(0, 3, 4, 10, 12, 18, 19, 23, 28),
  tokens: Int32Array.from({ length: 48 }, (_, i) => 1 + ((7 * i) % 29)),
  labels: Int32Array.of(0, 1, 2, 0, 1, 2, 0, 1),
  targets: new Int32Array(0),
  features: [Int32Array.from({ length: 3 * 48 }, (_, i) => (5 * i) % 10)],
};

/** Bytes of weights and moments after some steps. */
async function trainSteps(engine: Engine, steps = 3): Promise<Buffer> {
  await engine.initialize(1);
  for (let step = 0; step < steps; step++) {
    engine.load(step % 2, batch);
    engine.clearState(step % 2);
    await engine.trainStep(step % 2, step + 1, optimizer);
  }
  return stateOf(engine);
}

const FOLLOWING = 6;

/**
 * The same of steps that follow each other directly.
 *
 * @returns how many of them did, too, and what each came to
 */
async function trainFollowing(engine: Engine) {
  await engine.initialize(1);
  for (const slot of [0, 1]) engine.clearState(slot);
  let followed = 0;
  const results: StepResult[] = [];
  engine.load(0, batch);
  for (let step = 0; step < FOLLOWING; step++) {
    if (engine.isAhead) followed++;
    const next = step + 1;
    const release = (): void => {
      engine.load(next % 2, batch);
      engine.release(next % 2, next + 1, optimizer);
    };
    const isFollowed = next < FOLLOWING;
    const meanwhile = isFollowed ? release : undefined;
    results.push(await engine.trainStep(step % 2, step + 1, optimizer, meanwhile, isFollowed));
  }
  expect(engine.isAhead).toBe(false);
  return { state: stateOf(engine), followed, results };
}

function stateOf(engine: Engine): Buffer {
  return Buffer.concat(
    engine.plan.parameters
      .flatMap(({ value, states }) => [value, ...states])
      .map(({ offset, bytes }) => engine.heap.bytes.subarray(offset, offset + bytes)),
  );
}

let pool: WorkerPool | undefined;
afterEach(() => pool?.close());

/** An engine on threads that die as planned, and what is heard of it. */
function createDoomed(
  plan: Death[],
  {
    file = entry,
    parts = 2,
    teams = 2,
    precision = 'float32',
  }: { file?: string; parts?: number; teams?: number; precision?: Precision } = {},
): { engine: Engine; heard: string[]; deaths: Int32Array } {
  const heard: string[] = [];
  const deaths = new Int32Array(new SharedArrayBuffer(4 * plan.length));
  const handle: EngineHandle = allocateEngine(chooseBackend('auto').kind, {
    ...sizes,
    parts,
    teams,
    precision,
  });
  const doomed: EngineHandle & object = Object.assign(handle, { deaths, plan });
  pool = createWorkerPool(doomed, ({ reason }) => heard.push(reason), file);
  return { engine: new Engine(handle, pool.runStage, pool.following), heard, deaths };
}

/** What three steps give that nobody disturbs. */
const undisturbed = new Map<Precision, Buffer>();
/** And as many as are to follow each other. */
let longer: Awaited<ReturnType<typeof trainFollowing>>;
beforeAll(async () => {
  const trainAlone = <T>(
    train: (engine: Engine) => Promise<T>,
    precision: Precision = 'float32',
  ): Promise<T> => {
    const handle = allocateEngine(chooseBackend('auto').kind, { ...sizes, precision });
    return train(new Engine(handle, createLocalRunner(handle)));
  };
  for (const precision of ['float32', 'bfloat16'] as const) {
    undisturbed.set(precision, await trainAlone(trainSteps, precision));
  }
  longer = await trainAlone(trainFollowing);
  // Steps that follow nobody are the same.
  expect(longer.followed).toBe(0);
  expect(longer.state.equals(await trainAlone((engine) => trainSteps(engine, FOLLOWING)))).toBe(
    true,
  );
});

const death = { part: 1, when: 'after', way: 'exit', times: 1 } as const;

/** Deaths at one phase of a step after the other, in turns of both parts: more of them than there are threads. */
const ofEveryPhase = (when: 'before' | 'after', precision: Precision = 'float32'): Death[] =>
  phasesOf('train', { ...sizes, precision }).map((phase, i) => ({
    ...{ ...death, phase, when, part: i % 2 },
  }));

/** Deaths around the work of every phase. */
const anywhere: [string, Death[]][] = [
  ['before one phase after the other', ofEveryPhase('before')],
  ['after one phase after the other', ofEveryPhase('after')],
  [
    'with a piece of work that it has claimed',
    (['gradients', 'distinct-gradients', 'letter-gradients', 'update'] as const).map(
      (phase): Death => ({ phase, when: 'amid', way: 'exit', times: 1 }),
    ),
  ],
  ['while weights are packed', [{ ...death, phase: 'pack', times: 2 }]],
  ['both threads at once', [0, 1].map((part) => ({ ...death, phase: 'gradients', part }))],
];

/** Whatever a thread dies of, the pool sees no more of it than that; so one division of the work is enough. */
const anyhow: typeof anywhere = [
  ['by an error between two tasks', [{ ...death, phase: 'train', way: 'error between tasks' }]],
  ['by an error that it survives', [{ ...death, phase: 'update', way: 'error' }]],
  ['by an error that nobody caught', [{ ...death, phase: 'train', way: 'uncaught error' }]],
  ['by a promise that was rejected', [{ ...death, phase: 'update', way: 'rejected promise' }]],
  ['out of memory', [{ ...death, phase: 'train', when: 'before', way: 'out of memory' }]],
];

const inTeams = (other: number): typeof anywhere => [
  ['between two meetings', [{ ...death, phase: 'train', when: 'between' }]],
  // By then others have overwritten what they had before the first of them.
  [
    'between two later meetings',
    [8, 15, 22].map((met, i): Death => ({
      ...{ ...death, phase: 'train', when: 'between' },
      ...{ step: i + 1, met },
    })),
  ],
  [
    'by an error between two meetings',
    [{ ...death, phase: 'train', when: 'between', way: 'error' }],
  ],
  [
    'between two meetings, both, twice',
    [1, other].map((part): Death => ({
      ...death,
      phase: 'train',
      when: 'between',
      part,
      times: 2,
    })),
  ],
];

/** There tokens are paired, too. */
const inBfloat16: typeof anywhere = [
  ...inTeams(2),
  ['after one phase after the other', ofEveryPhase('after', 'bfloat16')],
];

describe.each([
  ['two on their own', 2, 2, 'float32', [...anywhere, ...anyhow]],
  ['two in a team', 2, 1, 'float32', inTeams(0)],
  ['one on its own and two in a team', 3, 2, 'float32', [...anywhere, ...inTeams(2)]],
  ['one on its own and two in a team', 3, 2, 'bfloat16', inBfloat16],
] as const)(
  'the work of a thread that dies is done again, with the same result, %s (%i in %i teams, %s):',
  (_, parts, teams, precision, plans) => {
    it.each([...plans])('%s', async (_, plan) => {
      const { engine, heard, deaths } = createDoomed(plan, { parts, teams, precision });
      const survived = await trainSteps(engine);
      expect([...deaths]).toEqual(plan.map(({ times }) => times));
      // Between two tasks a thread may die unheard.
      const during = plan.filter(({ way }) => way !== 'error between tasks');
      expect(heard).toHaveLength(during.reduce((sum, { times }) => sum + times, 0));
      expect(survived.equals(undisturbed.get(precision)!)).toBe(true);
    });
  },
);

describe.each([
  ['two on their own', 2, 2],
  ['two in a team', 2, 1],
  ['one on its own and two in a team', 3, 2],
] as const)('steps that follow each other directly, %s', (_, parts, teams) => {
  it('are the same as one by one', async () => {
    const { engine } = createDoomed([], { parts, teams });
    const { followed, ...others } = await trainFollowing(engine);
    expect(others.state.equals(longer.state)).toBe(true);
    expect(others.results).toEqual(longer.results);
    expect(followed).toBeGreaterThan(0);
  });

  /** One in each step. */
  const deathsAt = (
    phases: readonly Phase[],
    when: Death['when'],
    partOf: (step: number) => number,
  ) =>
    Array.from({ length: FOLLOWING }, (_, step): Death => ({
      ...{ phase: phases[step % phases.length]!, when, way: 'exit', times: 1 },
      ...{ step: step + 1, part: partOf(step) },
      ...(when === 'between' && { met: 8 + 2 * step }),
    }));
  const phases = phasesOf('train', sizes);
  // Each phase in a step that may have followed another.
  const turns = [phases, [...phases.slice(4), ...phases.slice(0, 4)]];
  const plans = (['before', 'after'] as const).flatMap((when) =>
    turns.map((turn) => deathsAt(turn, when, (step) => step % 2)),
  );
  // The first part may have a team of its own, which meets nobody.
  if (teams < parts) plans.push(deathsAt(['train'], 'between', () => parts - 1));

  const titleOf = (plan: Death[]): string =>
    `${plan[0]!.when} ${plan.map(({ phase }) => phase).join(', ')}`;
  it.each(plans.map((plan) => ({ title: titleOf(plan), plan })))(
    'come through a death in each: $title',
    async ({ plan }) => {
      const { engine, deaths, heard } = createDoomed(plan, { parts, teams });
      const { state, results } = await trainFollowing(engine);
      expect([...deaths]).toEqual(plan.map(() => 1));
      const during = heard.map((reason) => /\(during (.*)\)$/.exec(reason)?.[1]);
      expect(during).toEqual(plan.map(({ phase }) => phase));
      expect(state.equals(longer.state)).toBe(true);
      expect(results).toEqual(longer.results);
    },
  );
});

it('a step that is not applied is followed by none before the coordinator says so', async () => {
  const { engine } = createDoomed([]);
  await engine.initialize(1);
  engine.load(0, batch);
  engine.load(1, batch);
  const { value } = engine.plan.parameters.at(-1)!;
  const release = (): void => engine.release(1, 2, optimizer);
  engine.heap.flat(value)[0] = NaN;
  await engine.packWeights();
  const spoilt = stateOf(engine);
  const { applied } = await engine.trainStep(0, 1, optimizer, release, true);
  expect(applied).toBe(false);
  expect(engine.isAhead).toBe(false);
  expect(stateOf(engine).equals(spoilt)).toBe(true);
});

it('a step that kills every thread that takes it ends the run, also where it has followed another directly', async () => {
  const { engine, heard } = createDoomed([{ ...death, phase: 'train', step: 3, times: 1000 }]);
  const failure = await trainFollowing(engine).catch((error: unknown) => error);
  expect((failure as UserError).message).toMatch(
    /^3 workers in a row failed .*\(train, part 2 of 2\): /,
  );
  expect(heard).toHaveLength(3);
});

it.each([2, 1])(
  'a task that kills every thread that takes it ends the run with one sentence, in %i teams',
  async (teams) => {
    const { engine, heard } = createDoomed([{ ...death, phase: 'train', times: 1000 }], { teams });
    const failure = await trainSteps(engine).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect((failure as UserError).message).toMatch(
      /^3 workers in a row failed on the same task \(train, part 2 of 2\): /,
    );
    expect(heard).toHaveLength(3);
  },
);

it('a thread that fails to start after the others did ends the run, too', async () => {
  const file = fileURLToPath(new URL('failing-start.js', import.meta.url));
  const { engine } = createDoomed([{ ...death, phase: 'pack' }], { file });
  const failure = await trainSteps(engine).catch((error: unknown) => error);
  expect((failure as UserError).message).toMatch(/failed on the same task .*unable to start/);
});

it('threads that cannot even start end the run with one sentence', async () => {
  const { engine } = createDoomed([], { file: `${entry}.absent.js` });
  const failure = await trainSteps(engine).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(UserError);
  expect((failure as UserError).message).toMatch(/failed on the same task .*Cannot find module/);
});
