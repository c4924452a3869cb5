import { UserError } from '../../errors.js';

/**
 * What can be done about files that do not fit, in the terms of commands that use a trained model: to set a key of its
 * config, as the messages advise that are meant for training, would change nothing.
 */
type Terms = readonly (readonly [RegExp, string])[];

/** A model reads what it was trained with. */
const NEEDS_COLUMN = 'the model reads it beside the tokens, so give every object such a list';
const NEEDS_NAME = 'expected JSON Lines with the field that the model reads, ';

/** `predict` has options for how files are read. */
export const predictTerms: Terms = [
  [/\bset data\.(text|label) to the one that is meant/g, 'name the one that is meant with --$1'],
  [/\bset model\.features to the one that is meant/g, NEEDS_COLUMN],
  [
    /\bexpected the number of one, from 1, as data\.(text|label), got (?=")/g,
    'give the number of one, from 1, with --$1 in the place of ',
  ],
  [/\bexpected the number of one, from 1, as a column of model\.features, got (?=")/g, NEEDS_NAME],
  [/\bset data\.label to (?=the tag\b)/g, 'set --label to '],
  [/\bset data\.format(?: to)?\b/g, 'give --format'],
  [/\bset data\.delimiter to that(?=\.$)/g, 'give that as --delimiter'],
  [/\bset data\.(encoding|delimiter|quote) to (?=\S+\.$)/g, 'give --$1 '],
  [
    /\bSet data\.encoding to that of the file, or data\.onBadRow to leave such rows out/g,
    'Give --encoding, or --on-bad-row skip to leave such rows without an answer',
  ],
  [/\bset data\.textUnit to a smaller unit/g, 'divide it'],
  [
    /, or \{ source, target \}, two text files whose lines belong together(?=\.$)/g,
    ', or --target with the translations line by line',
  ],
];

/** `evaluate` has none: what is measured is read as the training data was. */
export const evaluateTerms: Terms = [
  [
    /\bset data\.(text|label|source|target) to the one that is meant/g,
    'the model expects the name that its training data had',
  ],
  [/\bset model\.features to the one that is meant/g, NEEDS_COLUMN],
  [
    /\bexpected the number of one, from 1, as (?:data\.(?:text|label|source|target)|a column of model\.features), got (?=")/g,
    NEEDS_NAME,
  ],
  // Standard input has no name.
  [/\b(if it [^,;:.]+), set data\.format(?: to \w+)?/g, '$1, give it as a file whose name says so'],
  [/\bset data\.label to the tag\b(?:'s number[^.]*)?/g, 'give all lines as many columns'],
  [/\bset data\.format\b/g, 'name it as what it is'],
  [/\bset data\.(delimiter|quote|header) to \S+(?=\.$)/g, 'write it as the training data was'],
  [/\bset data\.encoding to \S+(?=\.$)/g, 'convert it to the encoding of the training data'],
  [
    /\bSet data\.encoding to that of the file, or data\.onBadRow to leave such rows out/g,
    'Convert it to the encoding of the training data',
  ],
  [/; data\.onBadRow: skip leaves such rows out/g, ''],
  [/\bset data\.textUnit to a smaller unit/g, 'divide it'],
];

/** The same of a translator whose files are named by --data alone. */
export const translatorTerms: Terms = [
  [/, or set data\.format(?=\.$)/g, '; of plain text --target names the translations'],
  [/\ba pair of text files, \{ source, target \}/g, 'plain text with its translations as --target'],
  ...evaluateTerms,
];

export function inTerms(terms: Terms, message: string): string {
  return terms.reduce((text, [advice, other]) => text.replaceAll(advice, other), message);
}

/** Runs what may be refused, and tells of it in the command's terms. */
export async function refuseInTerms<T>(terms: Terms, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const sentences = error.sentences.map((sentence) => inTerms(terms, sentence));
    throw new UserError(sentences, { cause: error });
  }
}
