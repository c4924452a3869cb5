import type { SerializedByte } from './serialized.js';
import type { Tokenizer } from './tokenizer.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The bytes of the text's UTF-8, each plus one, so that 0 stays padding: 257 ids for any text. */
export class ByteTokenizer implements Tokenizer {
  readonly kind = 'byte';
  readonly vocabularySize = 257;
  readonly emptyToken = 0;

  encode(text: string): number[] {
    const bytes = encoder.encode(text);
    const ids = new Array<number>(bytes.length);
    for (let i = 0; i < bytes.length; i++) ids[i] = bytes[i]! + 1;
    return ids;
  }

  /** Bytes that are no UTF-8 become U+FFFD. */
  decode(ids: ArrayLike<number>): string {
    const bytes = Uint8Array.from(ids).filter((id) => id > 0);
    return decoder.decode(bytes.map((id) => id - 1));
  }

  cut(text: string): number {
    return text.length;
  }

  toJSON(): SerializedByte {
    return { kind: 'byte' };
  }
}
