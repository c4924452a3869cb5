/** By what commands know files that they have written: the first line that tells, where nobody else writes such a one. */

/** A command that replaces files of its own. */
export interface Writer {
  readonly command: 'predict' | 'score' | 'translate';
  /** Whether a file's line shows that this command wrote it; undefined for one of which the next line has to tell. */
  readonly knows: (line: string) => boolean | undefined;
}

/** Tags and numbers look like anybody's. */
export const predictWriter: Writer = {
  command: 'predict',
  knows(line) {
    const members = readMembers(line);
    if (members === undefined) return isHeaderOfPredictions(readCells(line));
    const own = ['predicted', 'probabilities'];
    const [predicted, probabilities] = endsWith(members, own) ?? [];
    if (typeof predicted === 'string' && isObject(probabilities)) return true;
    const [nothing, none, error] = endsWith(members, [...own, 'error']) ?? [];
    return nothing === null && none === null && typeof error === 'string';
  },
};

/** A class and the probabilities of several; that of one alone looks like anybody's. */
function isHeaderOfPredictions(cells: readonly string[]): boolean {
  return cells.slice(0, -2).some((cell, i) => {
    if (!cell.endsWith('predicted')) return false;
    const probability = `${cell.slice(0, -'predicted'.length)}probability_`;
    for (let at = i + 1; at < cells.length; at++) {
      if (!cells[at]!.startsWith(probability)) return false;
    }
    return true;
  });
}

const scores = ['logProbability', 'tokenCount', 'perplexity', 'unknown'];

/** The score of a class, one column alone, looks like anybody's. */
export const scoreWriter: Writer = {
  command: 'score',
  knows(line) {
    const members = readMembers(line);
    if (members === undefined) {
      const cells = readCells(line).map((cell): Member => [cell, null]);
      return endsWith(cells, scores) !== undefined;
    }
    return [[], ['byToken'], ['error'], ['byToken', 'error']].some((more) => {
      const values = endsWith(members, [...scores, ...more]);
      return values?.slice(0, scores.length).every(isNumberOrNull) === true;
    });
  },
};

/** A translation a row, or a line, looks like anybody's. */
export const translateWriter: Writer = {
  command: 'translate',
  knows(line) {
    const members = readMembers(line) ?? [];
    const own = ['translations'];
    const [several] = endsWith(members, own) ?? [];
    // Of a row without anything to translate, or anybody's.
    if (Array.isArray(several) && several.length === 0) return undefined;
    if (isListOfTranslations(several)) return true;
    const [some, tokens] = endsWith(members, [...own, 'sourceTokens']) ?? [];
    if (isListOfTranslations(some) && Array.isArray(tokens)) return true;
    return [own, [...own, 'sourceTokens']].some((names) => {
      const values = endsWith(members, [...names, 'error']);
      if (values === undefined) return false;
      const error = values.pop();
      return values.every((value) => value === null) && typeof error === 'string';
    });
  },
};

function isListOfTranslations(value: unknown): boolean {
  const own = ['text', 'score', 'logProbability'];
  return (
    Array.isArray(value) &&
    value.every((each) => isObject(each) && own.every((name) => Object.hasOwn(each, name)))
  );
}

type Member = readonly [name: string, value: unknown];

/**
 * The values of the last members, where these are called so: names that are added stand behind one prefix of the user's choice, and
 * behind all that the input's rows hold.
 */
function endsWith(members: readonly Member[], names: readonly string[]): unknown[] | undefined {
  if (members.length < names.length) return undefined;
  const last = members.slice(-names.length);
  const prefix = last[0]![0].slice(0, -names[0]!.length);
  const isOwn = names.every((name, i) => last[i]![0] === `${prefix}${name}`);
  return isOwn ? last.map(([, value]) => value) : undefined;
}

/** Of a line that is a JSON object. */
function readMembers(line: string): Member[] | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return Object.entries(JSON.parse(line) as object);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Of the header of a CSV; none where a cell goes on behind it. */
function readCells(line: string): string[] {
  const cells: string[] = [];
  let parts: string[] = [];
  let isOpen = false;
  for (const part of line.split(',')) {
    parts.push(part);
    if (part.split('"').length % 2 === 0) isOpen = !isOpen;
    if (isOpen) continue;
    const cell = parts.length === 1 ? part : parts.join();
    cells.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    parts = [];
  }
  return isOpen ? [] : cells;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumberOrNull(value: unknown): boolean {
  return value === null || typeof value === 'number';
}
