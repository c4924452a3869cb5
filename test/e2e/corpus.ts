import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** Small corpora that can be learned, and configs for them. */

const colours: Record<string, readonly string[]> = {
  blue: ['sky', 'sea', 'ice', 'denim'],
  green: ['leaf', 'moss', 'frog', 'mint'],
  red: ['tomato', 'cherry', 'ruby', 'fire'],
};
const fillers = ['the', 'a', 'one', 'is', 'was', 'very', 'of', 'and'];

/** Whole numbers below n, the same ones every time. */
function createDice(): (n: number) => number {
  let state = 1;
  return (n) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % n;
  };
}

/** 200 rows of words, each with the colour that some of its words have. */
export function colourRows(): { text: string; label: string }[] {
  const dice = createDice();
  const labels = Object.keys(colours);
  return Array.from({ length: 200 }, () => {
    const label = labels[dice(labels.length)]!;
    const words = Array.from({ length: 3 + dice(9) }, () =>
      dice(3) === 0 ? colours[label]![dice(4)]! : fillers[dice(fillers.length)]!,
    );
    return { text: [...words, colours[label]![dice(4)]!].join(' '), label };
  });
}

/** Some 4,000 characters of words in lines. */
function colourText(): string {
  const dice = createDice();
  const nouns = Object.values(colours).flat();
  let text = '';
  while (text.length < 4000) {
    text += `${fillers[dice(8)]!} ${nouns[dice(12)]!}${dice(5) === 0 ? '.\n' : ' '}`;
  }
  return text;
}

/** 22 steps an epoch; layers of widths that fill no panel. */
const classifier = `task: classify
data: { train: colours.csv, validation: 0.2 }
model: { embedding: 8, layers: [{ hiddenSize: 20 }, { hiddenSize: 9 }], dropout: 0.2 }
train:
  batchSize: 8
  epochs: 100
  maxSteps: 60
  shards: 4
  optimizer: { learningRate: 0.01 }
`;

/** 57 steps an epoch, hidden state carried from each to the next. */
const languageModel = `task: language-model
data: { train: colours.txt, validation: 0.1, tokenizer: { kind: char } }
model: { embedding: 8, layers: [{ hiddenSize: 20 }, { hiddenSize: 9 }], dropout: 0.2 }
train:
  batchSize: 4
  sequenceLength: 16
  epochs: 100
  maxSteps: 60
  shards: 4
  optimizer: { learningRate: 0.01 }
`;

/** A directory with colours.csv, colours.txt, classifier.yaml and language-model.yaml, removed after the tests. */
export function makeWorkplace(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-e2e-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  const csv = colourRows().map(({ text, label }) => `${text},${label}\n`);
  writeFileSync(join(folder, 'colours.csv'), `text,label\n${csv.join('')}`);
  writeFileSync(join(folder, 'colours.txt'), colourText());
  writeFileSync(join(folder, 'classifier.yaml'), classifier);
  writeFileSync(join(folder, 'language-model.yaml'), languageModel);
  return folder;
}
