import type { DrawOptions } from './draw-options.js';

/** What is meant where nothing is said. */
export const USUAL_DRAWING: DrawOptions = { temperature: 0.8, topK: 0, seed: 1 };

/** With what is meant where nothing is said. */
export function fillDrawing(given: {
  readonly temperature?: number | undefined;
  readonly topK?: number | undefined;
  readonly seed?: number | undefined;
}): DrawOptions {
  const { temperature, topK, seed } = USUAL_DRAWING;
  return {
    temperature: given.temperature ?? temperature,
    topK: given.topK ?? topK,
    seed: given.seed ?? seed,
  };
}
