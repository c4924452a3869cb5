/** By what commands know files that they have written: the first line, where nobody else writes such a one. */

/** A command that replaces files of its own. */
export interface Writer {
  readonly command: 'predict' | 'score' | 'translate';
  /** Whether the first line of a file shows that this command wrote it. */
  readonly knows: (line: string) => boolean;
}

/** Names that are added stand behind a prefix of the user's choice, and behind all that the input's rows hold. */
const cell = (name: string): string => `(?:[^",]*${name}|"(?:[^"]|"")*${name}")`;
const member = (name: string): string => `"(?:[^"\\\\]|\\\\.)*${name}"`;
/** Of a row that cannot be used. */
const fault = `${member('error')}:.*`;

const predictions = [
  new RegExp(
    `(?:^|,)${cell('predicted')}(?:,(?:[^",]*probability_[^",]*|"(?:[^"]|"")*probability_(?:[^"]|"")*"))+$`,
  ),
  new RegExp(
    `${member('predicted')}:(?:null|"(?:[^"\\\\]|\\\\.)*"),${member('probabilities')}:(?:null,${fault}|\\{.*\\})\\}$`,
  ),
];

/** Tags and numbers look like anybody's. */
export const predictWriter: Writer = {
  command: 'predict',
  knows: (line) => predictions.some((each) => each.test(line)),
};

const ofTokens = ['tokenCount', 'perplexity', 'unknown'];
const number = '(?:null|-?[\\d.e+-]+)';
const scores = [
  new RegExp(
    `(?:^|,)${cell('logProbability')}(?:${ofTokens.map((name) => `,${cell(name)}`).join('')})?$`,
  ),
  new RegExp(
    `${member('logProbability')}:${number}(?:${ofTokens.map((name) => `,${member(name)}:${number}`).join('')})?` +
      `(?:,${member('byToken')}:(?:null|\\[.*\\]))?(?:,${fault})?\\}$`,
  ),
];

export const scoreWriter: Writer = {
  command: 'score',
  knows: (line) => scores.some((each) => each.test(line)),
};

const translations = new RegExp(
  `${member('translations')}:\\[(?:\\{"text":.*,"score":.*,"logProbability":.*\\})?\\](?:,${member('sourceTokens')}:\\[.*\\])?\\}$`,
);

/** A translation a row, or a line, looks like anybody's. */
export const translateWriter: Writer = {
  command: 'translate',
  knows: (line) => translations.test(line),
};
