import { isTwice } from '../data/formats/json/json-source.js';
import { isMarked } from '../data/input/utf8.js';
import { Refusal } from './refusal.js';

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a request's body. What JSON in UTF-8 is not, or says in two ways, is refused, as in files: it would be answered as if
 * something else had been asked.
 *
 * @param type the header `Content-Type`
 * @throws Refusal
 */
export function readJsonBody(bytes: Uint8Array, type = ''): unknown {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(type)?.[1] ?? 'utf-8';
  if (!/^utf-?8$/i.test(charset)) {
    throw new Refusal(415, `expected a body in UTF-8, got charset ${JSON.stringify(charset)}`);
  }
  if (bytes.length === 0) throw new Refusal(400, 'expected a body of JSON, got none');
  const text = decode(bytes);
  const value = parse(text);
  if (hasHalf(value, text)) {
    throw new Refusal(
      400,
      'expected whole characters, found half of one: an escape of a surrogate',
    );
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const twice = Object.keys(value).find((key) => isTwice(text, key));
    if (twice !== undefined) throw new Refusal(400, `${twice}: expected once, got it twice`);
  }
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Refusal(400, 'expected a body in UTF-8, found bytes that are none');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'the body is no valid JSON');
  }
}

/** Whether a text, or the name of a key, has half of a character: only an escape can write that. */
function hasHalf(value: unknown, json: string): boolean {
  if (!/\\u[dD][89a-fA-F]/.test(json)) return false;
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === 'string' && isMarked(next)) return true;
    // One by one: an argument each would be too many for a call.
    if (typeof next === 'object' && next !== null) {
      for (const [key, inner] of Object.entries(next)) left.push(key, inner);
    }
  }
  return false;
}
