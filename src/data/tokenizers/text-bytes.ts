const encoder = new TextEncoder();
const SHORT = 32;
const LAST_ASCII = 0x7f;

/** A text as UTF-8 in memory that is used again for the next one; lone surrogates become U+FFFD. */
export class TextBytes {
  bytes = new Uint8Array(1 << 16);
  length = 0;

  /** Whether the text has as many bytes as code units: it is ASCII then. */
  set(text: string): boolean {
    if (text.length <= SHORT && this.#setAscii(text)) return true;
    let { read, written } = encoder.encodeInto(text, this.bytes);
    // Most code units take one byte.
    while (read < text.length) {
      this.bytes = new Uint8Array(2 * Math.max(text.length, this.bytes.length));
      ({ read, written } = encoder.encodeInto(text, this.bytes));
    }
    this.length = written;
    return this.length === text.length;
  }

  /** Browsers take longer to be asked for the bytes of a word than it takes to write them. */
  #setAscii(text: string): boolean {
    const { bytes } = this;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > LAST_ASCII) return false;
      bytes[i] = unit;
    }
    this.length = text.length;
    return true;
  }

  /** The text in lower case; context counts, as in a Greek word's last sigma. */
  setLower(text: string): void {
    if (!this.set(text)) {
      this.set(text.toLowerCase());
      return;
    }
    const { bytes, length } = this;
    for (let i = 0; i < length; i++) {
      const byte = bytes[i]!;
      if (byte >= 0x41 && byte <= 0x5a) bytes[i] = byte + 0x20;
    }
  }
}
