import { stepsOf, type Path } from './path.js';

/** Where in the source each token of a path comes from: the position that was attended to most; undefined where nobody attends. */
export function alignmentOf(path: Path): (number | undefined)[] {
  return stepsOf(path).map(({ look }) => look?.position);
}
