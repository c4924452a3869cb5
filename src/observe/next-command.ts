import { shellWord } from '../system/shell-word.js';

/**
 * A command of this program as it can be pasted into the shell where the user stands.
 *
 * @param program what starts the program there: `lockstep`, `npx lockstep`, `node bin/lockstep.js` (see system/program-name.ts)
 * @param words as the program is to get them, whatever characters they have
 */
export function nextCommand(
  program: string,
  words: readonly string[],
  platform: NodeJS.Platform = process.platform,
): string {
  return [program, ...words.map((word) => shellWord(word, platform))].join(' ');
}

/** The same with a line of text for its standard input. */
export function nextCommandOf(
  text: string,
  program: string,
  words: readonly string[],
  platform: NodeJS.Platform = process.platform,
): string {
  return `echo ${shellWord(text, platform)} | ${nextCommand(program, words, platform)}`;
}
