import type { CarriedState } from '../compute/carried-state.js';
import { type EncodedTokens, type RowEncoder, sliceTokens } from '../data/batches/encode-row.js';
import { streamText } from '../data/tokenizers/text-stream.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import { draw } from '../decoding/draw.js';
import { fillDrawing } from '../decoding/usual-drawing.js';
import { UserError } from '../errors.js';
import type { GenerateOptions } from '../train/trained-model.js';
import type { RowBatches } from './row-batches.js';

/** Tokens that are written where nobody says how many. */
export const USUAL_LENGTH = 200;

/** What texts are generated with. */
export interface GeneratingModel {
  /** For messages. */
  readonly name: string;
  readonly tokenizer: Tokenizer;
  readonly encoder: RowEncoder;
  readonly rows: RowBatches;
  /** Tokens of a row, at most. */
  readonly sequenceLength: number;
  /** See `undrawn` of decoding/. */
  readonly left: ReadonlySet<number>;
}

/**
 * Draws tokens one after the other and yields their text; the same seed draws the same text.
 *
 * @throws UserError where the vocabulary has nothing to write
 */
export async function* generateText(
  { name, tokenizer, encoder, rows, sequenceLength, left }: GeneratingModel,
  given: GenerateOptions,
): AsyncGenerator<string, void, undefined> {
  if (tokenizer.vocabularySize <= left.size) {
    throw new UserError(`${name} has nothing to write: its vocabulary is the unknown token alone`);
  }
  const state: CarriedState = {};
  const probabilities = new Float32Array(tokenizer.vocabularySize);
  const read = async (text: EncodedTokens): Promise<void> => {
    for (let at = 0; at < text.tokens.length; at += sequenceLength) {
      await rows.compute({
        count: 1,
        encode: () => sliceTokens(text, at, at + sequenceLength),
        state,
        placeFor: () => probabilities,
      });
    }
  };
  const prompt = encoder.encode(given.prompt);
  const isEmpty = prompt.tokens.length === 0;
  await read(isEmpty ? encoder.encodeToken(tokenizer.emptyToken) : prompt);
  const { length = USUAL_LENGTH } = given;
  const drawing = fillDrawing(given);
  const textOf = streamText(tokenizer, given.prompt);
  for (let index = 0; index < length; index++) {
    const token = draw(probabilities, left, drawing, index);
    yield textOf(token);
    if (index + 1 < length) await read(encoder.encodeToken(token));
  }
}
