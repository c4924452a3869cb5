/**
 * The characters by which byte-level BPE writes bytes, as GPT-2 does: printable ones of Latin-1
 * stand for themselves, all others follow from U+0100.
 */
export const alphabet: readonly string[] = listAlphabet();

/** Byte of each character of the alphabet by its code unit; -1 for any other. */
const bytes = new Int16Array(1 << 16).fill(-1);
alphabet.forEach((character, byte) => (bytes[character.charCodeAt(0)] = byte));

function listAlphabet(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    return String.fromCharCode(printable ? byte : next++);
  });
}

/** The bytes that a token stands for; its own UTF-8 where it is not written in the alphabet. */
export function bytesOfToken(token: string): Uint8Array {
  const result = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = bytes[token.charCodeAt(i)]!;
    if (byte < 0) return new TextEncoder().encode(token);
    result[i] = byte;
  }
  return result;
}
