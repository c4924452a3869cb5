import { styleText } from 'node:util';

/** Colours of a terminal, which are few: they say what is good, odd or wrong, and what is less to be read. */

export type Style = 'good' | 'odd' | 'bad' | 'faint';

/** Gives text its colour, or leaves it as it is where there are none. */
export type Paint = (text: string, style?: Style) => string;

const formats = { good: 'green', odd: 'yellow', bad: 'red', faint: 'dim' } as const;

/**
 * How text is coloured on a stream: on terminals, unless NO_COLOR says otherwise (no-color.org); FORCE_COLOR overrules both, as
 * in Node itself, where 0 and false mean none.
 */
export function paintFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): Paint {
  if (!hasColours(stream, env)) return (text) => text;
  return (text, style) =>
    style === undefined || text === ''
      ? text
      : styleText(formats[style], text, { validateStream: false });
}

function hasColours({ isTTY }: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if ((env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb') return false;
  return isTTY === true;
}
