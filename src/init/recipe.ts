import { formatCount } from '../observe/figures.js';
import type { TextFacts } from './measure.js';
import { roundUp } from './measure.js';
import { flow, type Entry } from './written.js';

/**
 * What has trained well, by task and size of the data: the values of the recipes in configs/, where the measurements behind
 * them stand.
 */

export interface Recipe {
  /** Of `data`, beside files and columns. */
  readonly data: readonly Entry[];
  readonly model: readonly Entry[];
  readonly train: readonly Entry[];
}

const SHAPE = [flow({ kind: 'shape', width: 16 })] as const;
const SUFFIX = [flow({ kind: 'suffix', length: 3, width: 32 })] as const;
const PREFIX = [flow({ kind: 'prefix', length: 3, width: 32 })] as const;

/** Words that texts of so many rows are worth: rarer ones are seen too seldom to be learned. */
function vocabularyOf(tokens: number): number {
  if (tokens < 50_000) return 4_000;
  if (tokens < 2_000_000) return 10_000;
  return tokens < 50_000_000 ? 20_000 : 50_000;
}

function textEntries(facts: TextFacts, allTokens: number, most: number): Entry[] {
  const covered = roundUp(facts.p99);
  const length = Math.min(most, covered);
  const unit = facts.unit === 'char' ? 'characters' : 'words';
  const why =
    length < covered
      ? `one row in a hundred has ${formatCount(facts.p99)} ${unit} or more; a step costs as much more as rows are longer`
      : `99 rows in a hundred have at most ${formatCount(facts.p99)} ${unit}`;
  const tokenizer: Entry =
    facts.unit === 'char'
      ? [
          'tokenizer',
          flow({ kind: 'char', vocabularySize: 4000 }),
          'the texts part no words by blanks',
        ]
      : facts.isCut
        ? [
            'tokenizer',
            flow({
              kind: 'word',
              vocabularySize: vocabularyOf(allTokens),
              filters: '',
              zeroDigits: true,
            }),
            'punctuation is parted by blanks: marks are words; numbers of as many digits are one word',
          ]
        : [
            'tokenizer',
            flow({ kind: 'word', vocabularySize: vocabularyOf(allTokens) }),
            'at most; words seen once are unknown',
          ];
  return [tokenizer, ['maxLength', String(length), why]];
}

/** Rows of this many words or more are read by an LSTM: phrases alone do not tell what they are about. */
const LONG = 60;

/** Texts with a class, labels or a number beside them. */
export function recipeOfRows(
  task: 'classify' | 'multi-label' | 'regress',
  facts: TextFacts,
  rows: number,
): Recipe {
  const isShort = facts.p95 < LONG && rows < 200_000 && facts.unit === 'word';
  const allTokens = facts.mean * rows;
  const batchSize = rows < 1_000 ? 16 : rows < 100_000 ? 32 : rows < 1_000_000 ? 128 : 512;
  const bestBy: Entry[] =
    task === 'multi-label'
      ? [['bestBy', 'f1', 'of all labels; the loss rises before it falls']]
      : task === 'classify' && rows >= 2_000
        ? [
            [
              'bestBy',
              'accuracy',
              'the loss begins to rise while more and more rows are told right',
            ],
          ]
        : // Of few rows many evaluations tell as many right.
          [];
  const epochs = rows < 1_000 ? 30 : rows < 10_000 ? 12 : rows < 100_000 ? 8 : 4;
  const common: Entry[] = [
    ['batchSize', String(batchSize)],
    ['bucketBatches', '16', 'rows of about one length come together: little padding'],
    ['epochs', String(epochs), 'at most'],
    ...bestBy,
    [
      'earlyStopping',
      flow({ patience: rows < 1_000 ? 6 : 3 }),
      'evaluations without a better one end the run',
    ],
  ];
  const linear: Entry = [
    'optimizer',
    `{ kind: adam, learningRate: ${rows < 100_000 ? 0.001 : 0.002}, schedule: { kind: linear } }`,
    'smaller and smaller steps towards the end',
  ];
  if (isShort && task === 'classify') {
    return {
      data: textEntries(facts, allTokens, 200),
      model: [
        ['embedding', rows < 1_000 ? '128' : '300'],
        [
          'features',
          { items: [SHAPE, SUFFIX, PREFIX] },
          'known also of words that the vocabulary lacks',
        ],
        [
          'layers',
          {
            items: [
              [
                '{ kind: convolution, width: [3, 4, 5], channels: 100, activation: relu }',
                'phrases of 3 to 5 words',
              ],
            ],
          },
        ],
        ['pooling', 'max', 'whether a phrase occurs, wherever it stands'],
        ['dropout', '0.5', `${formatCount(rows)} rows are learned by heart without it`],
      ],
      train: [...common, ['optimizer', flow({ kind: 'adam', learningRate: 0.001 })]],
    };
  }
  if (isShort) {
    return {
      data: textEntries(facts, allTokens, 200),
      model: [
        ['embedding', rows < 2_000 ? '64' : '128'],
        [
          'features',
          { items: [SHAPE, SUFFIX, PREFIX] },
          'known also of words that the vocabulary lacks',
        ],
        [
          'layers',
          `[${flow({ kind: 'lstm', hiddenSize: rows < 2_000 ? 64 : 128, direction: 'both' })}]`,
        ],
        ['pooling', 'max', 'what matters may stand anywhere in a short text'],
        ['dropout', '0.5', `${formatCount(rows)} rows are learned by heart without it`],
      ],
      train: [...common, linear],
    };
  }
  const width = rows < 20_000 ? 64 : rows < 500_000 ? 128 : 256;
  return {
    data: [
      ...textEntries(facts, allTokens, rows < 100_000 ? 300 : 256),
      [
        'truncate',
        'pre',
        'of longer texts the end is read, which stands nearest to the state that is told from',
      ],
    ],
    model: [
      ['embedding', String(width)],
      [
        'layers',
        `[${flow({ kind: 'lstm', hiddenSize: width })}]`,
        'wider ones did no better on data of this size',
      ],
      ['dropout', rows < 100_000 ? '0.5' : '0.2', 'slows learning rows by heart'],
    ],
    train: [...common, linear],
  };
}

/** @param columns numbers of CoNLL columns between word and tag, or none */
export function recipeOfTags(
  sentences: number,
  columns: readonly number[],
  areEntities: boolean,
): Recipe {
  const isSmall = sentences < 2_000;
  const given = columns.map((column) => [flow({ kind: 'column', column, width: 32 })] as const);
  return {
    data: [
      [
        'tokenizer',
        flow({ kind: 'word', vocabularySize: 20_000, zeroDigits: true, minCount: 2 }),
        'words seen once teach the vector of unknown ones',
      ],
    ],
    model: [
      ['embedding', '100'],
      [
        'features',
        { items: [...given, SHAPE, SUFFIX, PREFIX] },
        'what tells of words that the vocabulary lacks',
      ],
      [
        'layers',
        {
          items: [
            [
              flow({ kind: 'dropout', rate: 0.3 }),
              'short sentences are learned by heart without it',
            ],
            [
              flow({ kind: 'lstm', hiddenSize: 100, direction: 'both' }),
              'a tag is told by the words on both sides',
            ],
          ],
        },
      ],
      ['dropout', '0.5'],
    ],
    train: [
      ['batchSize', '16'],
      ['epochs', isSmall ? '40' : sentences < 20_000 ? '20' : '8', 'at most'],
      ['bucketBatches', '8', 'sentences of about one length: little waits'],
      ['loss', flow({ kind: 'crf' }), 'the tags of a sentence are likely or not as a whole'],
      ['optimizer', flow({ kind: 'adam', learningRate: 0.002 })],
      ['averaging', flow({ kind: 'ema', decay: isSmall ? 0.99 : 0.998 })],
      ...(areEntities
        ? ([
            ['bestBy', 'f1', 'which rises for some epochs after the loss no longer falls'],
          ] as const)
        : []),
      ['earlyStopping', flow({ patience: 5 }), 'evaluations without a better one end the run'],
    ],
  };
}
