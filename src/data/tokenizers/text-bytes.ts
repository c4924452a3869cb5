/** A text as UTF-8 in memory that is used again for the next one; lone surrogates become U+FFFD. */
export class TextBytes {
  bytes = Buffer.alloc(1 << 16);
  length = 0;

  /** Whether the text has as many bytes as code units: it is ASCII then. */
  set(text: string): boolean {
    // No code unit takes more than three bytes, and most take one.
    if (3 * text.length > this.bytes.length) {
      const needed = Buffer.byteLength(text);
      if (needed > this.bytes.length) this.bytes = Buffer.alloc(2 * needed);
    }
    this.length = this.bytes.write(text);
    return this.length === text.length;
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
