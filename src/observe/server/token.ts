import { readFile, stat } from 'node:fs/promises';
import { isOwnDescriptor } from '../../config/config-text.js';
import { UserError } from '../../errors.js';
import { describeOddFile } from '../../system/system-errors.js';

/** Fewer characters could be guessed. */
const FEWEST_CHARACTERS = 16;

/**
 * Reads the token of `metrics.tokenFile`, which stands in a file so that no copy of the config gives it away.
 *
 * @throws UserError when the file holds none
 */
export async function readToken(file: string): Promise<string> {
  let text: string;
  try {
    const odd = describeOddFile(await stat(file));
    // Opening another pipe would wait for somebody to write to it.
    if (odd !== undefined && !isOwnDescriptor(file)) {
      throw new UserError(`metrics.tokenFile: ${file}: expected a file, found ${odd}`);
    }
    text = await readFile(file, 'latin1');
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new UserError(`metrics.tokenFile: ${file} cannot be read (${code})`, { cause: error });
  }
  const token = text.trim();
  if (token.length < FEWEST_CHARACTERS || !/^[\x21-\x7e]+$/.test(token)) {
    throw new UserError(
      `metrics.tokenFile: ${file}: expected one word of at least ${FEWEST_CHARACTERS} letters, digits and signs of ASCII`,
    );
  }
  return token;
}
