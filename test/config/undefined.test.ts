import { expect, test } from 'vitest';
import { resolveConfig } from '../../src/config/load.js';
import type { LayerInput } from '../../src/config/model-schema.js';
import type { ConfigInput } from '../../src/config/schema.js';

type Group = Record<string, unknown>;
type Path = readonly string[];

/** Every group of keys in a value. */
function* groupsOf(value: unknown, path: Path = []): Generator<Path> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield path;
  for (const [key, inner] of Object.entries(value)) yield* groupsOf(inner, [...path, key]);
}

const groupAt = (config: unknown, path: Path): unknown =>
  path.reduce<unknown>((group, key) => (group as Group | undefined)?.[key], config);

/** A config with one key changed, resolved; why it cannot be where it cannot. */
function resolveWith(config: ConfigInput, path: Path, change: (group: Group) => void): unknown {
  const copy = structuredClone(config);
  change(groupAt(copy, path) as Group);
  try {
    return resolveConfig(copy);
  } catch (error) {
    return (error as Error).message;
  }
}

const pairs = { train: { source: 'a', target: 'b' }, sharedVocabulary: true };
const lstm = { kind: 'lstm', hiddenSize: 8 };
const both = { kind: 'gru', hiddenSize: 8, direction: 'both', merge: 'sum' } as const;
const configs: ConfigInput[] = [
  {
    task: 'translate',
    data: pairs,
    model: {
      embedding: 8,
      layers: [lstm],
      encoder: { embedding: { tied: true }, layers: [lstm] },
    },
    train: { bestBy: 'chrf', averaging: { kind: 'ema' } },
  },
  {
    task: 'classify',
    data: { train: [{ path: 'a.csv' }], tokenizer: { kind: 'word' } },
    model: {
      layers: [lstm, { kind: 'residual', layers: [both] }],
      pooling: [{ kind: 'attention' }, 'last'],
      features: [{ kind: 'shape' }, { kind: 'letters', read: 'convolution' }],
    },
    train: { optimizer: { kind: 'sgd', schedule: { kind: 'cosine' } } },
  },
  {
    task: 'tag',
    data: { train: ['a.conll'] },
    model: { layers: [{ kind: 'convolution', channels: 4, width: 3 }] },
    train: { loss: { kind: 'crf' } },
  },
  { task: 'multi-label', data: { train: ['a.csv'], tokenizer: { kind: 'bpe' } } },
  { task: 'regress', data: { train: ['a.csv'] }, train: { averaging: { kind: 'nt-asgd' } } },
  {
    task: 'language-model',
    data: { train: ['a.txt'], tokenizer: { kind: 'char' } },
    model: { embedding: { width: 8, tied: true }, attention: { width: 8 } },
  },
];

test.each(configs)(
  'a key that is given as undefined is as one that is left out: $task',
  (config) => {
    const whole = resolveConfig(config);
    for (const from of [config, whole as ConfigInput]) {
      for (const path of groupsOf(from)) {
        const known = groupAt(whole, path);
        if (typeof known !== 'object' || known === null || Array.isArray(known)) continue;
        const own = [...Object.keys(known), ...(path.at(-2) === 'layers' ? ['cell'] : [])];
        for (const key of own) {
          const without = resolveWith(from, path, (group) => Reflect.deleteProperty(group, key));
          if (typeof without === 'string') continue;
          const given = resolveWith(from, path, (group) => void (group[key] = undefined));
          expect(given, [...path, key].join('.')).toEqual(without);
        }
      }
    }
  },
);

test('a layer may have its kind said as undefined beside its cell', () => {
  const layersOf = (layers: LayerInput[]) =>
    resolveConfig({ task: 'classify', data: { train: 'a.csv' }, model: { layers } }).model.layers;
  const gru = { cell: 'gru', hiddenSize: 8 };
  expect(layersOf([{ kind: undefined, ...gru }])).toEqual(layersOf([gru]));
});
