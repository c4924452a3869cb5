import { isDeepStrictEqual } from 'node:util';
import { formatPath, type KeyPath } from '../config/expectation.js';
import type { Config } from '../config/schema.js';
import { layerKind } from '../model/layers/registry.js';
import { isBlock, walkLayers, type StackLayer } from '../model/graph/stack-layers.js';
import { advisedKeys } from '../optimizers/evaluations.js';
import { scheduleKind } from '../optimizers/schedules.js';

/** What is different between the config of a run and the one that it is resumed with. */

/** One key that was changed; a value that is absent is undefined. */
export interface ConfigChange {
  key: string;
  from?: unknown;
  to?: unknown;
}

/** Keys that do not change what the steps compute, with all that lies below them. */
const HARMLESS = [
  'name',
  'workers',
  'teams',
  'backend',
  'metrics',
  'data.storeDir',
  'data.maxEmptyShare',
  'train.maxSteps',
  'train.bestBy',
  'train.evaluateTranslations',
  'train.earlyStopping',
  'train.maxBadSteps',
  'train.checkpoint',
];

/** When evaluations take place: harmless unless the steps follow them. */
export const EVALUATIONS = 'train.evaluateEverySteps';

/** Keys that do not change what the steps of a config compute. */
export function harmlessKeys({ train }: Pick<Config, 'train'>): string[] {
  return advisedKeys(train).length > 0 ? HARMLESS : [...HARMLESS, EVALUATIONS];
}

/** Keys that a run of one config may always be resumed with another's values of: such that do not matter to either. */
function freeKeys(before: Config, now: Config): string[] {
  const [formerly, ...others] = [before, now].map((config) => {
    // The learning rate may fall towards the end of the last epoch.
    const { endsWithRun } = scheduleKind(config.train.optimizer.schedule.kind);
    const harmless = harmlessKeys(config);
    return endsWithRun ? harmless : [...harmless, 'train.epochs'];
  });
  return formerly!.filter((key) => others.every((keys) => keys.includes(key)));
}

/** Changed keys: those that a run may always be resumed with, and those that make other weights of it. */
export function compareConfigs(
  before: Config,
  now: Config,
): { harmless: ConfigChange[]; weighty: ConfigChange[] } {
  const free = freeKeys(before, now);
  const changes = [...compareGroups([], before, now)];
  return {
    harmless: changes.filter(({ key }) => isBelow(key, free)),
    weighty: changes.filter(({ key }) => !isBelow(key, free)),
  };
}

/** What is different in groups of keys and those below; a group that is not there before or after is one change. */
function* compareGroups(path: KeyPath, from: unknown, to: unknown): Generator<ConfigChange> {
  if (!isGroup(from) || !isGroup(to)) {
    yield* findChanges(formatPath(path), from, to);
    return;
  }
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    yield* compareGroups([...path, key], from[key], to[key]);
  }
}

/** What is different below a key: of lists of groups, such as layers, the options in each group that has kept its kind. */
function* findChanges(key: string, from: unknown, to: unknown): Generator<ConfigChange> {
  if (isDeepStrictEqual(from, to)) return;
  const areLists = areGroups(from) && areGroups(to);
  const isSplit = areLists || (isGroup(from) && isGroup(to) && from['kind'] === to['kind']);
  if (!isSplit) {
    yield { key, from, to };
    return;
  }
  const [former, latter] = [from, to] as Record<string, unknown>[];
  for (const inner of new Set([...Object.keys(former!), ...Object.keys(latter!)])) {
    yield* findChanges(`${key}.${formatPath([inner])}`, former![inner], latter![inner]);
  }
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function areGroups(value: unknown): value is Record<string, unknown>[] {
  return Array.isArray(value) && value.every(isGroup);
}

/** Keys below `model` that only change how weights are trained, with all that lies below them. */
export function trainingKeys({ model }: Pick<Config, 'model'>): string[] {
  const ofLayer = (kind: string, path: KeyPath): string[] =>
    (layerKind(kind).training ?? []).map((option) => formatPath(['model', ...path, option]));
  const ofStack = (layers: readonly StackLayer[], path: KeyPath): string[] => [
    formatPath(['model', ...path, 'dropout']),
    ...ofLayer('embedding', [...path, 'embedding']),
    ...[...walkLayers(layers, [...path, 'layers'])].flatMap(({ layer, path: own }) =>
      isBlock(layer) ? [] : ofLayer(layer.kind, own),
    ),
  ];
  const { encoder } = model;
  return [...ofStack(model.layers, []), ...(encoder ? ofStack(encoder.layers, ['encoder']) : [])];
}

/** Whether a key is one of `prefixes` or lies below one. */
export function isBelow(key: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => key === prefix || key.startsWith(`${prefix}.`));
}

/** "train.batchSize: 32 → 64, workers: null → 2" */
export function describeChanges(changes: readonly ConfigChange[]): string {
  return changes
    .map(({ key, from, to }) => `${key}: ${describeValue(from)} → ${describeValue(to)}`)
    .join(', ');
}

function describeValue(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value);
}

/** Leaves of a config by their dotted paths; names that are no plain words stand there in quotation marks. */
export function flatten(
  value: unknown,
  path: KeyPath = [],
  into = new Map<string, unknown>(),
): Map<string, unknown> {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) flatten(inner, [...path, key], into);
  } else if (value !== undefined) into.set(formatPath(path), value);
  return into;
}

/** The config whose leaves have these dotted paths. */
export function nest(leaves: Iterable<readonly [string, unknown]>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [path, value] of leaves) {
    const keys = Array.from(path.matchAll(/"(?:[^"\\]|\\.)*"|[^.]+/g), ([part]) =>
      part.startsWith('"') ? (JSON.parse(part) as string) : part,
    );
    let group = root;
    for (const key of keys.slice(0, -1)) group = (group[key] ??= {}) as Record<string, unknown>;
    group[keys.at(-1)!] = value;
  }
  return root;
}
