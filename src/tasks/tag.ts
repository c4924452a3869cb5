import { EntityScores, nameEntities } from './entities.js';
import type { Task, TaskConfig, TaskProblem } from './task.js';

/** A tag for every token: rows bring their tokens, each with its tag, and are read whole. */
export const tag = {
  kind: 'tag',
  learns: 'a tag of every token',
  model: 'a tagger',
  does: 'tags tokens',
  call: 'tag',
  command: 'predict',
  rows: 'apart',
  carries: false,
  gives: 'tokens',
  tokenizer: 'word',
  formats: ['conll', 'jsonl'],
  expects: 'CoNLL columns or JSONL',
  per: 'token',
  target: 'class',
  named: { one: 'tag', several: 'tags' },
  losses: ['softmax', 'crf'],
  check({ data: { format, text, label, tokenizer } }: TaskConfig): TaskProblem[] {
    const problems: TaskProblem[] = [];
    const add = (key: string, message: string): void => {
      problems.push({ path: ['data', ...key.split('.')], message });
    };
    if (format !== undefined && !tag.formats.some((each) => each === format)) {
      add(
        'format',
        `expected "conll" or "jsonl" for the task tag, whose rows are tokens with tags, got "${format}"`,
      );
    }
    if (String(text) === String(label)) {
      add('label', `expected another column than that of data.text, got ${JSON.stringify(label)}`);
    }
    const { kind, filters = '', split = ' ', lineEnd, outOfVocabulary } = tokenizer;
    const given = 'for the task tag, whose rows give their tokens';
    if (kind !== 'word') {
      add('tokenizer.kind', `expected "word" ${given}, got "${kind}"`);
      return problems;
    }
    if (filters !== '') {
      add('tokenizer.filters', `expected none ${given}, got ${JSON.stringify(filters)}`);
    }
    if (split !== ' ') {
      add('tokenizer.split', `expected none ${given}, got ${JSON.stringify(split)}`);
    }
    if (lineEnd !== undefined) {
      add('tokenizer.lineEnd', `expected none ${given}, got ${JSON.stringify(lineEnd)}`);
    }
    if (outOfVocabulary === null) {
      add(
        'tokenizer.outOfVocabulary',
        'expected a token for the task tag, because every token has a tag, got null',
      );
    }
    return problems;
  },
  measures: (classes) =>
    classes === undefined || nameEntities(classes) ? ['accuracy', 'f1'] : ['accuracy'],
  measure: (classes) => (nameEntities(classes) ? new EntityScores(classes) : undefined),
} as const satisfies Task;
