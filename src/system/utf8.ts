/** Texts as UTF-8 and back, with what browsers have, too. */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Lone surrogates become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Bytes that are no UTF-8 become U+FFFD; a byte order mark stays. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** The text without halves of surrogate pairs: each becomes U+FFFD. */
export function wellFormed(text: string): string {
  return decodeUtf8(encodeUtf8(text));
}
