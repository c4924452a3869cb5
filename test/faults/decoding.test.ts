import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { phasesOf, type Stage } from '../../src/compute/messages.js';
import { loadConfig } from '../../src/config/load.js';
import type { TranslateOptions } from '../../src/decoding/translation.js';
import type { TrainEvent } from '../../src/events.js';
import { isClaimedPhase } from '../../src/model/work/shares.js';
import { train } from '../../src/train/run.js';
import { SharedModel } from '../../src/use/model-file.js';
import { readModel } from '../../src/use/read-model.js';
import { configFile, pairs, trainTranslators } from '../use/digit-pairs.js';
import { readResult } from './small-run.js';
import { bundleModule, writeEntry } from './thread-module.js';

const cwd = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(cwd, { recursive: true }));
const bundle = bundleModule(cwd, 'deaths.js');

type Precision = 'float32' | 'bfloat16';
const runs = { float32: join(cwd, 'float32'), bfloat16: join(cwd, 'bfloat16') };

/** What their evaluations do besides: they translate pairs, of which each batch takes several steps. */
const evaluating = [
  ...['data.validation=0.4', 'train.epochs=3'],
  'train.evaluateTranslations={ pairs: 100, beam: 5 }',
];

beforeAll(() => {
  const setOf = (precision: Precision) => [...evaluating, `train.precision=${precision}`];
  return trainTranslators(
    cwd,
    new Map(Object.entries(runs).map(([name, runDir]) => [runDir, setOf(name as Precision)])),
  );
});

/** Those who translate go through the first of these, and then through the second or the third for each token, in which pieces are claimed. */
const first = 'predict';
type Next = 'rank-next' | 'predict-next';

interface Counted {
  phase: string;
  when: 'before' | 'between' | 'amid' | 'after';
  /** By whom an instant of a phase is met so often: never three in a row by the same task, which would end it. */
  nth: number;
}

/** Deaths at every instant of every phase. */
function deathsOf(next: Next, inTeams: boolean): Counted[] {
  const phases = (stage: Stage) => phasesOf(stage, { shape: {} as never });
  return [
    { phase: first, when: 'before', nth: 1 },
    ...phases(next).flatMap((phase): Counted[] => [
      { phase, when: 'before', nth: 1 },
      { phase, when: 'after', nth: 3 },
      ...(isClaimedPhase(phase) ? ([{ phase, when: 'amid', nth: 2 }] as const) : []),
      ...(inTeams && phase === 'go-on' ? ([{ phase, when: 'between', nth: 2 }] as const) : []),
    ]),
  ];
}

/** @returns an entry of threads that die so, and how many of the deaths have been met */
function mortal(name: string, deaths: readonly Counted[]) {
  const folder = mkdtempSync(join(cwd, 'deaths-'));
  const call = `joinCounted(${JSON.stringify(folder)}, ${JSON.stringify(deaths)})`;
  const workerFile = writeEntry(join(cwd, `${name}.mjs`), bundle, call);
  const met = () => readdirSync(folder).map((index) => deaths[Number(index)]);
  return { workerFile, met };
}

const byPhase = (a: Counted | undefined, b: Counted | undefined): number =>
  JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;

const texts = [...pairs, ...pairs, ...pairs].map(({ source }) => source);

async function translate(
  precision: Precision,
  { workers, teams }: { workers: number; teams: number },
  how: TranslateOptions,
  workerFile?: string,
) {
  const read = await readModel(runs[precision], { workers });
  const model = new SharedModel({ ...read, config: { ...read.config, teams } }, workerFile);
  return model.translate(texts, how).finally(() => model.close());
}

const ways: Record<Next, TranslateOptions> = {
  'rank-next': { best: 2 },
  'predict-next': { best: 2, sampling: { temperature: 1, topK: 0, seed: 3 } },
};

describe.each([
  ['two on their own', 2, 2, 'float32'],
  ['one on its own and two in a team', 3, 2, 'bfloat16'],
] as const)('translations while workers die, %s', (name, workers, teams, precision) => {
  it.each(Object.entries(ways) as [Next, TranslateOptions][])(
    `are the same in ${precision}, by %s`,
    async (next, how) => {
      const expected = await translate(precision, { workers: 1, teams: 1 }, how);
      const deaths = deathsOf(next, teams < workers);
      const { workerFile, met } = mortal(`${name} ${next}`, deaths);
      expect(await translate(precision, { workers, teams }, how, workerFile)).toEqual(expected);
      expect(met().toSorted(byPhase)).toEqual(deaths.toSorted(byPhase));
    },
  );
});

it('evaluations in which workers die as they translate tell the same, and the run learns the same', async () => {
  const [undisturbed, disturbed] = [join(cwd, 'undisturbed'), join(cwd, 'disturbed')];
  const run = async (runDir: string, workerFile?: string) => {
    const config = await loadConfig(configFile(cwd), [...evaluating, 'workers=2']);
    const events: TrainEvent[] = [];
    const listener = (event: TrainEvent): number => events.push(event);
    await train(config, { runDir, resume: false, listener, ...(workerFile && { workerFile }) });
    return events;
  };
  const evaluations = (events: readonly TrainEvent[]) =>
    events.flatMap((event) => (event.type === 'evaluation' ? { ...event, duration: 0 } : []));
  const expected = await run(undisturbed);
  const deaths = deathsOf('rank-next', false).filter(({ phase }) => phase !== first);
  const { workerFile, met } = mortal('evaluating', deaths);
  const events = await run(disturbed, workerFile);
  expect(met()).toHaveLength(deaths.length);
  expect(events.filter(({ type }) => type === 'worker')).toHaveLength(deaths.length);
  expect(evaluations(events)).toEqual(evaluations(expected));
  expect(evaluations(events)[0]).toHaveProperty('bleu');
  expect(readResult(disturbed)).toEqual(readResult(undisturbed));
  expect(readFileSync(join(disturbed, 'best'))).toEqual(readFileSync(join(undisturbed, 'best')));
});
