import { nextToken } from './next-token.js';
import type { Task, TaskConfig, TaskProblem } from './task.js';

/**
 * A text for a text: every row is a pair, of which the target is learned token by token, each from the source and from the
 * target's tokens before it. A token of its own, the boundary, begins what is read of the target and ends what is learned.
 */
export const translate = {
  ...nextToken,
  measures: () => [...nextToken.measures(), 'bleu', 'chrf', 'exact'] as const,
  kind: 'translate',
  learns: 'the translation of a text',
  model: 'a translator',
  does: 'translates',
  call: 'translate',
  command: 'translate',
  rows: 'apart',
  carries: false,
  gives: 'pairs',
  tokenizer: 'bpe',
  formats: ['csv', 'tsv', 'jsonl', 'parquet'],
  expects:
    'CSV, TSV, JSONL or Parquet with both sides, or a pair of text files, { source, target }',
  check({ data, model }: TaskConfig): TaskProblem[] {
    const problems: TaskProblem[] = [];
    const add = (key: string, message: string): void => {
      problems.push({ path: key.split('.'), message });
    };
    const { format, source, target, textUnit, sharedVocabulary, sourceTokenizer } = data;
    if (hasFilePairs(data)) {
      if (format !== undefined && format !== 'text') {
        add(
          'data.format',
          `expected "text" or nothing beside { source, target }, whose files are read line by line, got "${format}"`,
        );
      }
    } else if (format !== undefined && !translate.formats.some((each) => each === format)) {
      add('data.format', `expected ${translate.expects}, got "${format}"`);
    }
    if (String(source) === String(target)) {
      add(
        'data.target',
        `expected another column than that of data.source, got ${JSON.stringify(target)}`,
      );
    }
    if (textUnit !== 'line') {
      add('data.textUnit', `expected "line" for a translator, got ${JSON.stringify(textUnit)}`);
    }
    if (sharedVocabulary === true && sourceTokenizer !== undefined) {
      add(
        'data.sourceTokenizer',
        'expected nothing beside data.sharedVocabulary: true, with which data.tokenizer is for both sides',
      );
    }
    if (model.features.length > 0) {
      add('model.features', 'expected none for a translator, whose texts have no features');
    }
    return problems;
  },
} as const satisfies Task;

/** Whether some split has text files whose lines belong together. */
function hasFilePairs({ train, validation, test }: TaskConfig['data']): boolean {
  return [train, validation, test].some(
    (entries) =>
      Array.isArray(entries) &&
      entries.some((entry: unknown) => typeof entry === 'object' && 'source' in (entry as object)),
  );
}
