import { expect, test } from 'vitest';
import { openAnswerWriter, addPredictions } from '../../../src/commands/answers/answer-layouts.js';
import type { Answer } from '../../../src/commands/answers/answers.js';
import {
  predictWriter,
  scoreWriter,
  translateWriter,
  type Writer,
} from '../../../src/commands/reading/own-files.js';
import { addScores } from '../../../src/commands/answers/score-answers.js';
import { addTranslations } from '../../../src/commands/answers/translation-answers.js';
import type { TrainedModel } from '../../../src/commands/library.js';

const fields = { columns: ['id, "x"', 'text', 'more'], cells: ['1', '…', 'a "b", c'] };
const row = { source: 'a.csv', line: 2, row: 1, text: '…', fields };
const bad = { ...row, raw: 'a', reason: 'no' };

const model = (task: 'classify' | 'language-model') =>
  ({ config: { task }, classes: ['a'] }) as unknown as TrainedModel;
const tokens = [{ text: 'a', logProbability: -0.5 }];
const likelihood = { logProbability: -1e-7, unknown: 0 };
const translation = { text: 'ä, "b"', score: -0.1, logProbability: -0.25, tokens: ['ä'] };
const translated = {
  translations: [
    { ...translation, isCut: false },
    { ...translation, isCut: true },
  ],
  ...{ sourceTokens: ['a'], unread: 0 },
};
const beside = { alignment: false, attention: true, best: 2 };

/** Lines as a command writes them, of a row that it answers and of one that it cannot use. */
function* linesOf(
  layout: 'csv' | 'jsonl',
  prefix: string,
): Generator<[Writer | undefined, string, tells?: boolean]> {
  const write = <P>(added: Parameters<typeof openAnswerWriter<P>>[1], prediction: P) =>
    [
      { row, prediction },
      { row: bad, prediction: undefined },
    ].map((answer) => {
      const writer = openAnswerWriter(layout, added, prefix);
      return writer.write([answer as Answer<P>]).split('\n', 1)[0]!;
    });
  const predicted = { predicted: 'a', probabilities: [1, 0] };
  for (const line of write(addPredictions(['a', 'b']), predicted)) yield [predictWriter, line];
  const scored = { ...likelihood, count: 1, tokens };
  for (const byToken of layout === 'csv' ? [false] : [false, true]) {
    for (const line of write(addScores(model('language-model'), byToken), scored)) {
      yield [scoreWriter, line];
    }
  }
  for (const line of write(addScores(model('classify'), false), likelihood)) {
    yield [undefined, line];
  }
  if (layout === 'jsonl') {
    const empty = { translations: [], sourceTokens: [], unread: 0 };
    for (const attention of [false, true]) {
      for (const told of [translated, empty]) {
        for (const line of write(addTranslations({ ...beside, attention }), told)) {
          // Without anything beside it an empty list is as anybody's.
          const tells = attention || told !== empty || line.includes('error');
          yield [translateWriter, line, tells];
        }
      }
    }
  }
}

test('each command knows the files that it has written, but for single columns, and none of the others', () => {
  for (const layout of ['csv', 'jsonl'] as const) {
    for (const prefix of ['', 'my, "own" ']) {
      for (const [writer, line, tells = true] of linesOf(layout, prefix)) {
        for (const other of [predictWriter, scoreWriter, translateWriter]) {
          const expected = other === writer ? tells || undefined : false;
          expect(other.knows(line), `${other.command}: ${line}`).toBe(expected);
        }
      }
    }
  }
});

test.each([
  'source,translation,score',
  '{"translation":"b","score":-0.1}',
  '{"translations":["b","c"]}',
  'text,perplexity',
  'logProbability,text',
  'id,model,logProbability',
  'id,sumlogProbability',
  'my logProbability,tokenCount,perplexity,unknown',
  'a predicted,b probability_x,b probability_y',
  'id,predicted,probability_of_rain',
  '"predicted,probability_x',
  '{"prompt":"x","logProbability":-3.5}',
  '{"translations":[{"text":"b","score":1}]}',
  '{"word":"b","translations":null}',
  '{"word":"b","translations":["c"],"error":"none"}',
  '{"predicted":"a","probabilities":{}',
  'ein Satz',
])('nobody takes for its own what anybody may have written: %s', (line) => {
  for (const writer of [predictWriter, scoreWriter, translateWriter]) {
    expect(writer.knows(line)).toBe(false);
  }
});

test.each(['{"translations":[]}', '{"word":"b","note":"","translations":[]}'])(
  'a row without translations leaves it to the next one whose file it is: %s',
  (line) => {
    expect(translateWriter.knows(line)).toBeUndefined();
    for (const writer of [predictWriter, scoreWriter]) expect(writer.knows(line)).toBe(false);
  },
);

test('a long first line is judged, in time that its length is proportional to', () => {
  const many = (start: string, piece: string, count: number): string => start + piece.repeat(count);
  const lines = [
    many('{"translations":[{"text":"a"', ',"score":1,"logProbability":2', 20_000),
    many('{"a":1', ',"logProbability":1,"error":""', 20_000),
    `${many('predicted', ',probability_', 50_000)},x`,
    `${many('', 'predicted,probability_', 50_000)},x`,
    many('', 'logProbability', 50_000),
    many('"', '""logProbability', 50_000),
    many('', '{"predicted":', 50_000),
  ];
  // With time that grows faster than the line the test would not end.
  for (const line of lines) {
    for (const { knows } of [predictWriter, scoreWriter, translateWriter]) {
      expect(knows(line)).toBe(false);
    }
  }
});
