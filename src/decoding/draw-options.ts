/** How a token is drawn by the probabilities of all. */
export interface DrawOptions {
  /** Divides the logits: below 1 bolder towards the likely, 0 always the most likely. */
  temperature: number;
  /** Draws among this many most likely tokens; 0 for all. */
  topK: number;
  seed: number;
}
