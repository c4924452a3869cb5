import { roundUp, type TextFacts } from './measure.js';
import type { Recipe } from './recipe.js';
import { flow, type Entry } from './written.js';

/** What has trained language models and translators well. */

/** @param characters of all the text */
export function recipeOfText(characters: number): Recipe {
  const isSmall = characters < 300_000;
  const batchSize = [32, 16, 8, 4, 2].find((each) => characters > each * 64 * 40) ?? 1;
  const layer = flow({ kind: 'lstm', hiddenSize: isSmall ? 128 : 256 });
  return {
    data: [
      [
        'tokenizer',
        flow({ kind: 'char', minCount: characters < 100_000 ? 1 : 5 }),
        'letter by letter; { kind: word } or { kind: bpe } read further back',
      ],
    ],
    model: [
      ['embedding', isSmall ? '32' : '64'],
      ['layers', isSmall ? `[${layer}]` : `[${layer}, ${layer}]`],
      ['dropout', '0.2'],
    ],
    train: [
      ['batchSize', String(batchSize), 'places of the text that are read side by side'],
      ['sequenceLength', '64', 'letters at a time; what was read is carried on'],
      ['epochs', isSmall ? '40' : characters < 3_000_000 ? '12' : '4', 'at most'],
      [
        'optimizer',
        flow({ kind: 'adam', learningRate: 0.002 }),
        'with clipping a higher rate than usual learns faster',
      ],
      ['clipNorm', '1'],
      ['earlyStopping', flow({ patience: 2 }), 'evaluations without a better one end the run'],
    ],
  };
}

export function recipeOfPairs(source: TextFacts, target: TextFacts, pairs: number): Recipe {
  // Dates, names, numbers: a few letters, put in another order.
  const isShort = Math.max(source.mean, target.mean) < 4 && target.differentCharacters < 200;
  const isByLetter = isShort || source.unit === 'char';
  const most = (facts: TextFacts): number =>
    roundUp(facts.p99 * (isByLetter && facts.unit === 'word' ? 12 : isByLetter ? 1 : 1.5));
  const width = pairs < 5_000 ? 128 : 256;
  const vocabulary =
    pairs < 5_000 ? 1_000 : pairs < 20_000 ? 4_000 : pairs < 500_000 ? 6_000 : 16_000;
  const lengths: Entry[] = [
    [
      'maxLength',
      String(most(target)),
      '99 rows in a hundred are shorter; longer pairs are left out',
    ],
    ['maxSourceLength', String(most(source))],
  ];
  if (isByLetter) {
    return {
      data: [['tokenizer', flow({ kind: 'char' }), 'texts of a few letters'], ...lengths],
      model: [
        ['embedding', '32'],
        [
          'encoder',
          [
            ['embedding', '32'],
            ['layers', `[${flow({ kind: 'lstm', hiddenSize: 64, direction: 'both' })}]`],
          ],
        ],
        ['layers', `[${flow({ kind: 'lstm', hiddenSize: 128 })}]`],
        ...(isShort ? [] : ([['attention', flow({ kind: 'general' })]] as const)),
      ],
      train: [
        ['batchSize', pairs < 5_000 ? '32' : '128'],
        ['bucketBatches', '16', 'pairs of about one length come together'],
        ['epochs', pairs < 20_000 ? '20' : '8', 'at most'],
        [
          'optimizer',
          '{ kind: adam, learningRate: 0.003, schedule: { kind: cosine } }',
          'the last tenths of a percent come while the rate falls',
        ],
        ['clipNorm', '1'],
        ['earlyStopping', flow({ patience: 4 })],
      ],
    };
  }
  const isSmall = pairs < 500_000;
  const epochs = isSmall ? 30 : 5;
  const { batchTokens, warmupSteps, decay } = paceOf(pairs * target.mean, epochs);
  const dropped = [flow({ kind: 'dropout', rate: isSmall ? 0.3 : 0.1 })] as const;
  return {
    data: [
      [
        'tokenizer',
        flow({ kind: 'bpe', vocabularySize: vocabulary }),
        'small ones learn more from little text',
      ],
      [
        'sharedVocabulary',
        'true',
        'names and numbers are the same on both sides; leave it out where the scripts differ',
      ],
      ...lengths,
      ['maxRatio', '4', 'of more different lengths texts hardly belong together'],
    ],
    model: [
      [
        'embedding',
        flow({ width, tied: true, dropout: 0.1 }),
        'one table for the source, the target and the output',
      ],
      [
        'encoder',
        [
          ['embedding', flow({ tied: true })],
          [
            'layers',
            {
              items: [
                dropped,
                [flow({ kind: 'lstm', hiddenSize: width, direction: 'both' })],
                dropped,
              ],
            },
          ],
        ],
      ],
      ['layers', { items: [dropped, [flow({ kind: 'lstm', hiddenSize: 2 * width })]] }],
      ['attention', flow({ kind: 'general', width })],
      ['dropout', isSmall ? '0.5' : '0.2'],
    ],
    train: [
      [
        'batchTokens',
        String(batchTokens),
        'by tokens, so that steps cost about the same whatever the length',
      ],
      ['bucketBatches', '64'],
      ['epochs', String(epochs), 'at most'],
      ['loss', flow({ labelSmoothing: 0.1 })],
      [
        'optimizer',
        `{ kind: adam, learningRate: 0.002, schedule: { kind: linear, warmupSteps: ${warmupSteps} } }`,
      ],
      ['averaging', flow({ kind: 'ema', decay })],
      ['clipNorm', '1'],
      ['earlyStopping', flow({ patience: 3 }), 'evaluations without a better one end the run'],
    ],
  };
}

/** Steps of an epoch, at least, and the share of all steps in which the rate rises, and over which weights are averaged. */
const FEWEST_STEPS = 40;
const RISE = 1 / 10;
const AVERAGED = 1 / 20;

/** How fast is learned: of few texts in small steps, so that the rate has risen, and the first weights are forgotten, long before the end. */
function paceOf(
  words: number,
  epochs: number,
): { batchTokens: number; warmupSteps: number; decay: number } {
  // Pieces of words are some more.
  const tokens = 1.3 * words;
  const fitting = Math.floor(tokens / FEWEST_STEPS / 100) * 100;
  const batchTokens = Math.min(2000, Math.max(200, fitting));
  const steps = (epochs * tokens) / batchTokens;
  const warmupSteps = Math.min(400, Math.max(10, Math.round((steps * RISE) / 10) * 10));
  const decay = Math.min(0.998, Number((1 - 1 / Math.max(10, steps * AVERAGED)).toFixed(3)));
  return { batchTokens, warmupSteps, decay };
}
