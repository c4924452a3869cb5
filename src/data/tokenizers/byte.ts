import type { SerializedByte } from './serialized.js';
import type { Tokenizer } from './tokenizer.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The bytes of the text's UTF-8, each plus one, so that 0 stays padding: 257 ids for any text. */
export class ByteTokenizer implements Tokenizer {
  readonly kind = 'byte';
  readonly separator = '';
  readonly vocabularySize = 257;
  readonly emptyToken = 0;

  encode(text: string): number[] {
    return this.encodeBytes(encoder.encode(text));
  }

  /** Ids of bytes that need not be UTF-8. */
  encodeBytes(bytes: Uint8Array): number[] {
    const ids = new Array<number>(bytes.length);
    for (let i = 0; i < bytes.length; i++) ids[i] = bytes[i]! + 1;
    return ids;
  }

  unknownIn(): string[] {
    return [];
  }

  /** Bytes that are no UTF-8 become U+FFFD. */
  decode(ids: ArrayLike<number>): string {
    return decoder.decode(this.decodeBytes(ids));
  }

  /** The bytes themselves. */
  decodeBytes(ids: ArrayLike<number>): Uint8Array {
    return Uint8Array.from(
      Array.from(ids).filter((id) => id > 0),
      (id) => id - 1,
    );
  }

  cut(text: string): number {
    return text.length;
  }

  toJSON(): SerializedByte {
    return { kind: 'byte' };
  }
}
