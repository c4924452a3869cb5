/** The notation of patterns for file names: what of it concerns whole paths. */

/** Whether a text has wildcards. Parentheses are none: they are common in names. */
export function isPattern(text: string): boolean {
  return /[*?[{\\]/.test(text);
}

/**
 * A part of a pattern for a matcher that knows more notations: what means nothing special here is
 * escaped. Braces that hold alternatives have been expanded.
 */
export function keepPlain(segment: string): string {
  return segment.replaceAll(/\\.|\[[^\]]*\]|[(){}|+@!^$]/gs, (found) => {
    if (found.length === 1) return `\\${found}`;
    return found.startsWith('[!') ? `[^${found.slice(2)}` : found;
  });
}

/** A pattern up to its first slash outside of braces, and what follows; no rest behind the last one. */
export function firstSegment(pattern: string): { segment: string; rest?: string } {
  let depth = 0;
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i];
    if (character === '\\') i += 1;
    // Braces that nothing closes are part of a name.
    else if (character === '{' && splitBraces(pattern, i) !== undefined) depth += 1;
    else if (character === '}' && depth > 0) depth -= 1;
    else if (character === '/' && depth === 0) {
      const rest = pattern.slice(i).replace(/^\/+/, '');
      return { segment: pattern.slice(0, i), ...(rest !== '' && { rest }) };
    }
  }
  return { segment: pattern };
}

/** Numbers that a range may stand for. */
const longestRange = 100_000;

/**
 * What the first braces that hold alternatives (`{a,b}`) or a range (`{01..12}`) stand for, each
 * with what stands around the braces; undefined where there are none.
 */
export function expandBraces(text: string): string[] | undefined {
  for (let start = text.indexOf('{'); start >= 0; start = text.indexOf('{', start + 1)) {
    if (text[start - 1] === '\\') continue;
    const parts = splitBraces(text, start);
    if (parts === undefined) continue;
    const inside = parts.items.length > 1 ? parts.items : expandRange(parts.items[0]!);
    if (inside === undefined) continue;
    const [before, after] = [text.slice(0, start), text.slice(parts.end)];
    return inside.map((each) => before + each + after);
  }
  return undefined;
}

/** The parts between the commas of the braces that begin at `start`, and where those end. */
function splitBraces(text: string, start: number): { items: string[]; end: number } | undefined {
  const items: string[] = [];
  let depth = 0;
  let from = start + 1;
  for (let i = from; i < text.length; i++) {
    const character = text[i];
    const isEnd = character === '}' && depth === 0;
    if (isEnd || (character === ',' && depth === 0)) {
      items.push(text.slice(from, i));
      from = i + 1;
    }
    if (isEnd) return { items, end: from };
    if (character === '{') depth += 1;
    if (character === '}') depth -= 1;
  }
  return undefined;
}

function expandRange(text: string): string[] | undefined {
  const found = /^(\d{1,15})\.\.(\d{1,15})$/.exec(text);
  if (found === null) return undefined;
  const [first, last] = [Number(found[1]), Number(found[2])];
  const steps = Math.abs(last - first);
  if (steps >= longestRange) return undefined;
  const isPadded = /^0\d/.test(found[1]!) || /^0\d/.test(found[2]!);
  const width = isPadded ? Math.max(found[1]!.length, found[2]!.length) : 0;
  return Array.from({ length: steps + 1 }, (_, i) =>
    String(first + Math.sign(last - first) * i).padStart(width, '0'),
  );
}
