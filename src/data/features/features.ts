import type { StackFeature } from '../../model/graph/stack.js';
import { wellFormed } from '../../system/utf8.js';
import type { Feature, FeatureVocabulary } from './feature-schema.js';
import type { FeatureConfig } from './options.js';

export type { Feature, FeatureVocabulary };

/**
 * What is known of a word beside its entry in the vocabulary, above all where it has none: its shape, its first and last letters,
 * what stands in further columns, or how it is spelled. Each such feature has values, texts, with a vocabulary of their own; of spellings
 * it is one of their letters.
 */

/** What a config's features are taken from, without what is made of them. */
export function featuresOf(configs: readonly FeatureConfig[]): Feature[] {
  return configs.map((config) => {
    switch (config.kind) {
      case 'shape':
        return { kind: config.kind };
      case 'column':
        return { kind: config.kind, column: config.column };
      case 'letters':
        return { kind: config.kind, maxLetters: config.maxLetters };
      default:
        return { kind: config.kind, length: config.length };
    }
  });
}

/** The columns that features are read from, each once, in the order in which rows give them. */
export function columnsOf(features: readonly Feature[]): (string | number)[] {
  return [...new Set(features.flatMap((each) => (each.kind === 'column' ? [each.column] : [])))];
}

/** What of a word as it is written values go by, though the vocabulary may not. */
export interface Kept {
  /** Whether letters are capitals. */
  readonly case: boolean;
  /** Which digits there are. */
  readonly digits: boolean;
}

export function keptBy(features: readonly Feature[]): Kept {
  const has = (...kinds: Feature['kind'][]): boolean =>
    features.some(({ kind }) => kinds.includes(kind));
  return { case: has('shape', 'letters'), digits: has('letters') };
}

/** How many ids a feature's values have: that of unknown ones is 0. */
export function countValues({ values: known }: FeatureVocabulary): number {
  return known.length + 1;
}

/** How many numbers are kept of each token: an id, or one for each letter that it may have. */
export function numbersOf(feature: Feature): number {
  return feature.kind === 'letters' ? feature.maxLetters : 1;
}

/** All of these are below it: of letters, ids plus one, and 0 where there is none. */
export function limitOf(vocabulary: FeatureVocabulary): number {
  return countValues(vocabulary) + (vocabulary.kind === 'letters' ? 1 : 0);
}

/** How the layers read a feature of so many values. */
export function stackFeature(config: FeatureConfig, valueCount: number): StackFeature {
  const { kind, width } = config;
  const read = { width, values: valueCount };
  if (kind !== 'letters') return read;
  const { maxLetters: most, embedding, read: reader, window } = config;
  return { ...read, letters: { most, width: embedding, read: reader, ...(window && { window }) } };
}

/** The values of some rows' features, that of a word seen before remembered. */
export class FeatureReader {
  readonly #features: readonly Feature[];
  readonly #columns: readonly (string | number)[];
  /** By feature. */
  readonly #known: Map<string, string>[];

  constructor(features: readonly Feature[]) {
    this.#features = features;
    this.#columns = columnsOf(features);
    this.#known = features.map(() => new Map<string, string>());
  }

  /**
   * The values of each feature, one a token.
   *
   * @param columns the texts that stand beside the tokens, as many, in the order of `columnsOf`
   */
  read(tokens: readonly string[], columns: readonly (readonly string[])[]): (readonly string[])[] {
    return this.#features.map((feature, i) => {
      if (feature.kind === 'column') return columns[this.#columns.indexOf(feature.column)]!;
      const known = this.#known[i]!;
      return tokens.map((token) => {
        let value = known.get(token);
        if (value === undefined) {
          value = valueOf(feature, token);
          // Words come back soon or hardly ever.
          if (known.size >= mostKnown) known.clear();
          known.set(token, value);
        }
        return value;
      });
    });
  }
}

const mostKnown = 1 << 15;

/** The value of each feature of a word, which has no columns beside it. */
export function valuesOf(features: readonly Feature[], word: string): string[] {
  return features.map((feature) => (feature.kind === 'column' ? '' : valueOf(feature, word)));
}

function valueOf(feature: Exclude<Feature, { kind: 'column' }>, word: string): string {
  if (feature.kind === 'shape') return shapeOf(word);
  if (feature.kind === 'letters') return spellingOf(word, feature.maxLetters);
  const place: [number, number?] =
    feature.kind === 'prefix' ? [0, feature.length] : [-feature.length];
  if (isAscii(word))
    return word
      .slice(...place)
      .toLowerCase()
      .replaceAll(/[1-9]/g, '0');
  const small = Array.from(word.toLowerCase().replaceAll(/\p{Nd}/gu, '0'));
  return small.slice(...place).join('');
}

/** Most words are, and cost a third then. */
const isAscii = (word: string): boolean => /^[\0-\x7f]*$/.test(word);

/** `X` for capitals, `x` for other letters, `d` for digits, whatever else as it is; of more than two alike in a row two. */
export function shapeOf(word: string): string {
  return isAscii(word) ? asciiShapeOf(word) : anyShapeOf(word);
}

function asciiShapeOf(word: string): string {
  let shape = '';
  for (const character of word) {
    const kind = asciiKindOf(character);
    if (!shape.endsWith(kind + kind)) shape += kind;
  }
  return shape;
}

function asciiKindOf(character: string): string {
  if (character >= 'a' && character <= 'z') return 'x';
  if (character >= 'A' && character <= 'Z') return 'X';
  return character >= '0' && character <= '9' ? 'd' : character;
}

function anyShapeOf(word: string): string {
  return word
    .replaceAll(/\p{Lu}|\p{Lt}/gu, 'X')
    .replaceAll(/[^X\P{L}]|\p{M}/gu, 'x')
    .replaceAll(/\p{N}/gu, 'd')
    .replaceAll(/(.)\1{2,}/gsu, '$1$1');
}

/** The letters of a word, one a code point, with the case that they have; of more than `most` as many from both ends. */
function spellingOf(word: string, most: number): string {
  // As UTF-8 has it: halves of two surrogate pairs would become a letter of their own.
  const all = Array.from(wellFormed(word));
  const left = Math.ceil(most / 2);
  if (all.length <= most) return all.join('');
  return [...all.slice(0, left), ...all.slice(all.length - (most - left))].join('');
}

/** Gives values their ids. */
export class FeatureEncoder {
  readonly #reader: FeatureReader;
  readonly #numbers: ((text: string) => readonly number[])[];

  constructor(vocabularies: readonly FeatureVocabulary[]) {
    this.#reader = new FeatureReader(vocabularies);
    this.#numbers = vocabularies.map(numbering);
  }

  /** Of each feature as many numbers a token as `numbersOf` says; see `FeatureReader.read`. */
  encode(tokens: readonly string[], columns: readonly (readonly string[])[]): number[][] {
    const read = this.#reader.read(tokens, columns);
    return read.map((texts, i) => texts.flatMap(this.#numbers[i]!));
  }
}

/** What gives the numbers of a value of a feature, as many as `numbersOf` says. */
export function numbering(vocabulary: FeatureVocabulary): (value: string) => readonly number[] {
  const ids: ReadonlyMap<string, number> = new Map(
    vocabulary.values.map((value, i) => [value, i + 1]),
  );
  // Values are learned as UTF-8, which has no half of a surrogate pair.
  const idOf = (value: string): number => ids.get(value) ?? ids.get(wellFormed(value)) ?? 0;
  if (vocabulary.kind !== 'letters') return (value) => [idOf(value)];
  const { maxLetters } = vocabulary;
  return (value) => {
    const numbers = new Array<number>(maxLetters).fill(0);
    Array.from(value).forEach((letter, i) => (numbers[i] = idOf(letter) + 1));
    return numbers;
  };
}

/**
 * The vocabulary of a feature: its most frequent values, or letters of these, ties in the order of their code units. What is no word has
 * an empty value, which has no id.
 */
export function learnFeature(
  feature: Feature,
  { minCount, vocabularySize }: Pick<FeatureConfig, 'minCount' | 'vocabularySize'>,
  counts: ReadonlyMap<string, number>,
): FeatureVocabulary {
  const ranked = [...counts]
    .filter(([value, count]) => value !== '' && count >= minCount)
    .sort(([a, most], [b, least]) => least - most || (a < b ? -1 : 1))
    .slice(0, vocabularySize - 1);
  return { ...feature, values: ranked.map(([value]) => value) };
}
