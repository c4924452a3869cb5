/** A character of a string that may hold any. */
const BYTES_OF_CHARACTER = 2;
/** A number, a string or a list beside what it holds: the value itself, its place in lists, and what the model makes of it. */
const BYTES_OF_VALUE = 64;

/**
 * About how much memory a request takes for as long as it waits or is computed.
 *
 * @param body as it was parsed
 * @param bytesOfCharacter that a character of its strings takes, with what is made of it
 * @returns bytes
 */
export function memoryOf(body: unknown, bytesOfCharacter = BYTES_OF_CHARACTER): number {
  if (typeof body === 'string') return BYTES_OF_VALUE + body.length * bytesOfCharacter;
  if (typeof body !== 'object' || body === null) return BYTES_OF_VALUE;
  let sum = BYTES_OF_VALUE;
  for (const value of Object.values(body)) sum += memoryOf(value, bytesOfCharacter);
  return sum;
}
