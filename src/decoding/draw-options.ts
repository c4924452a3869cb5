/** How a token is drawn by the probabilities of all. */
export interface DrawOptions {
  /** Divides the logits: below 1 bolder towards the likely, 0 always the most likely. */
  temperature: number;
  /** Draws among this many most likely tokens; 0 for all. */
  topK: number;
  seed: number;
}

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
