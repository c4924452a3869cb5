/** A text that is being written: its last token, and the path to it. */
export interface Path {
  /** The end of the text in a path that has ended. */
  readonly token: number;
  /** Undefined for the first token. */
  readonly previous: Path | undefined;
  /** Tokens, this one included. */
  readonly length: number;
  /** ln p of all of them together. */
  readonly logProbability: number;
  /** Undefined where it looks nowhere. */
  readonly look: Look | undefined;
}

/** Where the decoder looked when it wrote a token. */
export interface Look {
  /** The position of the source that was attended to most, of several the first. */
  readonly position: number;
  /** [source positions], where somebody wants to know: of each step of each text it would be much to keep. */
  readonly attention?: Float32Array;
}

/** Tokens of a path from the first to the last. */
export function tokensOf(path: Path | undefined): number[] {
  return stepsOf(path).map(({ token }) => token);
}

/** A path's steps from the first to the last. */
export function stepsOf(path: Path | undefined): Path[] {
  const steps = new Array<Path>(path?.length ?? 0);
  for (let at = path; at !== undefined; at = at.previous) steps[at.length - 1] = at;
  return steps;
}

/** Of a path and a token behind it. */
export function logProbabilityOf(path: Path | undefined, probability: number): number {
  return (path?.logProbability ?? 0) + Math.log(probability);
}

/** @param logProbability of the path with the token behind it */
export function follow(
  path: Path | undefined,
  token: number,
  logProbability: number,
  look: Look | undefined,
): Path {
  return { token, previous: path, length: (path?.length ?? 0) + 1, logProbability, look };
}
