/** A long text is taken in parts of this many code units. */
const partLength = 1 << 16;

/**
 * Takes texts evenly from a stream whose length is not known: every one, until they are more than
 * `limit`; then every other one, every fourth, and so on. The same stream gives the same texts.
 *
 * @param limit In bytes; what is kept in memory.
 * @param cut See `Tokenizer.cut`.
 * @returns UTF-8.
 */
export async function sampleTexts(
  texts: AsyncIterable<string>,
  limit: number,
  cut: (text: string) => number,
): Promise<Buffer[]> {
  // As bytes: a string cut from a piece of a file would keep the whole piece in memory.
  let kept: Buffer[] = [];
  let bytes = 0;
  let stride = 1;
  let seen = 0;
  for await (const text of texts) {
    for (const part of divide(text, cut)) {
      if (seen++ % stride > 0) continue;
      const written = Buffer.from(part);
      kept.push(written);
      bytes += written.length;
      while (bytes > limit && kept.length > 1) {
        kept = kept.filter((_, i) => i % 2 === 0);
        bytes = kept.reduce((sum, each) => sum + each.length, 0);
        stride *= 2;
      }
    }
  }
  return kept;
}

function* divide(text: string, cut: (text: string) => number): Generator<string> {
  let rest = text;
  while (rest.length > partLength) {
    const head = rest.slice(0, partLength);
    const halvesCharacter = (head.charCodeAt(partLength - 1) & 0xfc00) === 0xd800;
    const index = cut(head) || (halvesCharacter ? partLength - 1 : partLength);
    yield rest.slice(0, index);
    rest = rest.slice(index);
  }
  yield rest;
}
