import { describe, expect, test } from 'vitest';
import { readJsonBody } from '../../src/serve/json-body.js';
import { Refusal } from '../../src/serve/refusal.js';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the body of a request', () => {
  test.each([
    ['{"texts": ["é", "\\ud83d\\ude00 \\\\ud800"]}', { texts: ['é', '😀 \\ud800'] }],
    ['\ufeff[1]', [1]],
    ['{"a": {"texts": 1}, "texts": "\\"texts\\""}', { a: { texts: 1 }, texts: '"texts"' }],
  ])('%s is what it says', (text, value) => {
    expect(readJsonBody(utf8(text), 'application/json; charset="UTF-8"')).toEqual(value);
  });

  test.each<[string, Uint8Array, string, number, string]>([
    ['of Latin-1', Uint8Array.of(0x22, 0xe9, 0x22), 'application/json', 400, 'expected a body in UTF-8, found bytes that are none'], // prettier-ignore
    ['of another charset', utf8('[]'), 'application/json; charset=iso-8859-1', 415, 'expected a body in UTF-8, got charset "iso-8859-1"'], // prettier-ignore
    ['with half of a character', utf8('{"texts": ["a\\ud800"]}'), '', 400, 'expected whole characters, found half of one: an escape of a surrogate'], // prettier-ignore
    ['with half of one in a key', utf8('{"\\udc00": 1}'), '', 400, 'expected whole characters, found half of one: an escape of a surrogate'], // prettier-ignore
    ['with a key twice', utf8('{"texts": ["a"], "t\\u0065xts": ["b"]}'), '', 400, 'texts: expected once, got it twice'], // prettier-ignore
    ['of nothing', utf8(''), '', 400, 'expected a body of JSON, got none'],
    ['of half an object', utf8('{"texts": '), '', 400, 'the body is no valid JSON'],
    ['of depths', utf8(`${'['.repeat(200_000)}"\\ud800"${']'.repeat(200_000)}`), '', 400, 'expected whole characters, found half of one: an escape of a surrogate'], // prettier-ignore
  ])('%s is refused', (_name, bytes, type, status, sentence) => {
    try {
      readJsonBody(bytes, type);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(Refusal);
      expect([(error as Refusal).status, (error as Refusal).message]).toEqual([status, sentence]);
    }
  });
});
