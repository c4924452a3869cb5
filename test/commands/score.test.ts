import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Likelihood, Scorable, TrainedModel } from '../../src/commands/library.js';
import { parseConfig } from '../../src/config/load.js';
import { tokenizerFromJson } from '../../src/data/tokenizers/kinds.js';
import { runWith, stubClassifier, stubLanguageModel } from './stub.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-score-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

/** Every word is as likely as it is long, and those that begin with a capital are unknown. */
function languageModel(data = 'train: a.txt') {
  const score = (rows: readonly Scorable[]): Promise<Likelihood[]> =>
    Promise.resolve(
      rows.map((row) => {
        const words = (row as string).split(' ').filter(Boolean);
        const tokens = words.map((text) => ({ text, logProbability: -text.length / 2 }));
        return {
          logProbability: tokens.reduce((sum, each) => sum + each.logProbability, 0),
          tokens,
          unknown: words.filter((word) => /^[A-Z]/.test(word)).length,
        };
      }),
    );
  const model: TrainedModel = {
    ...stubLanguageModel(),
    config: parseConfig(`task: language-model\ndata: { ${data} }`, 'x.yaml'),
    tokenizer: tokenizerFromJson({
      ...{ kind: 'word', filters: '', lowerCase: false, split: ' ' },
      ...{ outOfVocabulary: '<unk>', words: ['<unk>', 'a'] },
    }),
    score,
  };
  return { openModel: () => Promise.resolve(model) };
}

function classifier() {
  const model: TrainedModel = {
    ...stubClassifier(),
    score: (rows) =>
      Promise.resolve(
        rows.map((row) => {
          const { text, label } = row as { text: string; label: string };
          const isRight = text.includes('money') === (label === 'spam');
          return { logProbability: Math.log(isRight ? 0.75 : 0.25), unknown: 0 };
        }),
      ),
  };
  return { openModel: () => Promise.resolve(model) };
}

function tagger(loss = 'softmax') {
  const model: TrainedModel = {
    ...stubClassifier(),
    config: parseConfig(
      `task: tag\ndata: { train: a.conll, maxLength: 2 }\ntrain: { loss: { kind: ${loss} } }`,
      'x.yaml',
    ),
    classes: ['N', 'O'],
    score: (rows) =>
      Promise.resolve(
        rows.map((row) => {
          const { tokens, tags } = row as { tokens: string[]; tags: string[] };
          return {
            logProbability: -tags.length,
            tokens: tokens.map((text) => ({ text, logProbability: -1 })),
            unknown: 0,
          };
        }),
      ),
  };
  return { openModel: () => Promise.resolve(model) };
}

describe('texts of a language model', () => {
  test('keep their order, empty lines too, with what they come to', async () => {
    const file = write('a.txt', 'a cat\r\n\nThe cat sat\n');
    const { status, stdout, stderr } = await runWith(['score', 'runs/x', file], languageModel());
    expect(stdout).toBe(
      'text,logProbability,tokenCount,perplexity,unknown\n' +
        'a cat,-2,2,2.718282,0\n,0,0,,0\nThe cat sat,-4.5,3,4.481689,1\n',
    );
    expect(stderr).toBe(
      'Log-probability -6.5 of 5 tokens in 3 rows: perplexity 3.669\n' +
        '1 row without any token: of log-probability 0, which is the likeliest there is and says nothing\n' +
        '1 word that the model does not know: read as unknown, as likely as any such\n',
    );
    expect(status).toBe(0);
  });

  test('as objects, token by token where that is asked for', async () => {
    const file = write('a.jsonl', '{"id":1,"text":"a cat"}\n{"id":2,"text":""}\n');
    const args = ['score', 'runs/x', file, '--to', 'jsonl', '--by-token', '--prefix', 'lm_'];
    const { stdout } = await runWith(args, languageModel());
    expect(stdout).toBe(
      '{"id":1,"text":"a cat","lm_logProbability":-2,"lm_tokenCount":2,"lm_perplexity":2.718282,"lm_unknown":0,"lm_byToken":[["a",-0.5],["cat",-1.5]]}\n' +
        '{"id":2,"text":"","lm_logProbability":0,"lm_tokenCount":0,"lm_perplexity":null,"lm_unknown":0,"lm_byToken":[]}\n',
    );
  });

  test('of a column, whatever stands beside it under the name of a label', async () => {
    const file = write('a.csv', 'label,text\n,a cat\nx,a\n');
    const { stdout } = await runWith(['score', 'runs/x', file], languageModel());
    expect(stdout).toBe(
      'label,text,logProbability,tokenCount,perplexity,unknown\n,a cat,-2,2,2.718282,0\nx,a,-0.5,1,1.648721,0\n',
    );
  });
});

describe('a table and a model that was trained with data.format: text', () => {
  const trained = languageModel('train: a.txt, format: text');

  test('are told of once: it is read as the training data was', async () => {
    const [one, other] = [write('a.csv', 'text\na cat\n'), write('b.CSV.gz', '')];
    writeFileSync(other, gzipSync('a\n'));
    const { stdout, stderr } = await runWith(['score', 'runs/x', one, other], trained);
    expect(
      stdout
        .split('\n')
        .slice(1, 4)
        .map((line) => line.split(',')[0]),
    ).toEqual(['text', 'a cat', 'a']);
    expect(stderr.split('\n')[0]).toBe(
      `${JSON.stringify(one)} is read as plain text, as the training data was (data.format: text): --format csv reads it as its name says.`,
    );
    expect(stderr).not.toContain(other);
  });

  test('--format tells another thing, and a text is one', async () => {
    const table = write('a.csv', 'text\na cat\n');
    const { stdout, stderr } = await runWith(
      ['score', 'runs/x', table, '--format', 'csv'],
      trained,
    );
    expect(stdout).toContain('\na cat,');
    expect(stdout).not.toContain('\ntext,');
    expect(stderr).not.toContain('plain text');
    const text = await runWith(['score', 'runs/x', write('a.md', 'a cat\n')], trained);
    expect(text.stderr).not.toContain('plain text');
  });
});

describe('classes that are given', () => {
  const rows = 'body,label\nmoney,spam\nmoney,ham\nhello,eggs\n';

  test('are scored, and one that there is not ends it with its place', async () => {
    const { status, stderr } = await runWith(
      ['score', 'runs/x', write('a.csv', rows)],
      classifier(),
    );
    expect(status).toBe(1);
    expect(stderr).toBe(
      `${join(folder, 'a.csv')}, line 4: expected a class that the model knows, found "eggs".\n`,
    );
  });

  test('or is left without a score', async () => {
    const args = ['score', 'runs/x', write('a.csv', rows), '--on-bad-row', 'skip'];
    const { status, stdout, stderr } = await runWith(args, classifier());
    expect(status).toBe(0);
    expect(stdout).toBe(
      'body,label,logProbability\nmoney,spam,-0.287682072\nmoney,ham,-1.38629436\nhello,eggs,\n',
    );
    expect(stderr).toContain('Log-probability -1.674 of 2 rows, -0.837 a row\n');
    expect(stderr).toContain('1 row without a score, because they cannot be used; the first is');
  });

  test('have to be there', async () => {
    const { status, stderr } = await runWith(
      ['score', 'runs/x', write('a.csv', 'body,class\nmoney,spam\n')],
      classifier(),
    );
    expect(status).toBe(1);
    expect(stderr).toContain('"label"');
    const text = await runWith(['score', 'runs/x', write('a.txt', 'money\n')], classifier());
    expect(text.stderr).toContain('is plain text, which has no labels');
  });
});

test('tags of sentences are scored as columns or objects, and long ones are told', async () => {
  const file = write('a.conll', 'anna N\nwent O\n\nrome N\nis O\nfar O\n');
  const { stdout, stderr } = await runWith(['score', 'runs/x', file], tagger());
  expect(stdout).toBe(
    'text,logProbability,tokenCount,perplexity,unknown\n' +
      '"anna N\nwent O",-2,2,2.718282,0\n"rome N\nis O\nfar O",-3,3,2.718282,0\n',
  );
  expect(stderr).toContain('Log-probability -5 of 5 tags in 2 rows: perplexity 2.718\n');
  expect(stderr).toContain('1 sentence of more than 2 tokens (data.maxLength): read in parts');
  const objects = write('a.jsonl', '{"tokens":["rome"],"tags":["N"]}\n');
  const args = ['score', 'runs/x', objects, '--to', 'jsonl'];
  expect((await runWith(args, tagger())).stdout).toBe(
    '{"tokens":["rome"],"tags":["N"],"logProbability":-1,"tokenCount":1,"perplexity":2.718282,"unknown":0}\n',
  );
});

describe('what cannot be told is refused', () => {
  const numbers = {
    openModel: () =>
      Promise.resolve({
        ...stubClassifier(),
        config: parseConfig('task: regress\ndata: { train: a.csv }', 'x.yaml'),
      }),
  };
  test.each([
    [['--by-token'], languageModel(), '--by-token: expected --to jsonl: a table has no place'],
    [['--label', 'x'], languageModel(), '--label: a language model tells how likely texts are'],
    [['--by-token', '--to', 'jsonl'], classifier(), '--by-token: a class is told of a row'],
    [['--by-token', '--to', 'jsonl'], tagger('crf'), '--by-token: a tagger with train.loss.kind'],
    [
      [],
      numbers,
      'runs/x: expected a translator, a language model, a classifier or a tagger, got a model of n',
    ],
    [['--out', 'a.txt'], languageModel(), '--out: expected a name that ends in .csv or .jsonl'],
  ])('%j', async (args, library, message) => {
    const { status, stdout, stderr } = await runWith(
      ['score', 'runs/x', write('a.txt', 'a\n'), ...args],
      library,
    );
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(message);
  });
});
