import { readFile, stat } from 'node:fs/promises';
import { isOwnDescriptor } from '../../config/config-text.js';
import { UserError } from '../../errors.js';
import { describeOddFile, describeSystemError } from '../../system/system-errors.js';

/** Fewer characters could be guessed. */
const FEWEST_CHARACTERS = 16;

/**
 * Reads the token of `metrics.tokenFile` or the like, which stands in a file so that no copy of the config gives it away.
 *
 * @param key what names the file, for messages
 * @throws UserError when the file holds none
 */
export async function readToken(file: string, key = 'metrics.tokenFile'): Promise<string> {
  let text: string;
  try {
    const odd = describeOddFile(await stat(file));
    // Opening another pipe would wait for somebody to write to it.
    if (odd !== undefined && !isOwnDescriptor(file)) {
      throw new UserError(`${key}: ${file}: expected a file, found ${odd}`);
    }
    text = await readFile(file, 'latin1');
  } catch (error) {
    if (error instanceof UserError) throw error;
    const reason = describeSystemError(error) ?? 'unknown error';
    throw new UserError(`${key}: ${file} cannot be read: ${reason}`, { cause: error });
  }
  const token = text.trim();
  if (token.length < FEWEST_CHARACTERS || !/^[\x21-\x7e]+$/.test(token)) {
    throw new UserError(
      `${key}: ${file}: expected one word of at least ${FEWEST_CHARACTERS} letters, digits and signs of ASCII`,
    );
  }
  return token;
}
