import type { RowEncoder } from '../data/batches/encode-row.js';
import type { RowBatches } from './row-batches.js';

/**
 * The tag of every token of each sentence; one that is longer than any row is answered in parts.
 *
 * @param sentences as `copySentences` gives them
 */
export async function tagSentences(
  {
    rows,
    encoder,
    classes,
    maxLength,
  }: { rows: RowBatches; encoder: RowEncoder; classes: readonly string[]; maxLength: number },
  sentences: readonly { tokens: readonly string[]; columns: readonly (readonly string[])[] }[],
): Promise<string[][]> {
  const parts = sentences.flatMap(({ tokens, columns }, sentence) =>
    Array.from({ length: Math.ceil(tokens.length / maxLength) }, (_, part) => {
      const cut = (texts: readonly string[]): readonly string[] =>
        texts.slice(part * maxLength, (part + 1) * maxLength);
      return { sentence, tokens: cut(tokens), columns: columns.map(cut) };
    }),
  );
  const found = parts.map(({ tokens }) => new Int32Array(tokens.length));
  await rows.compute({
    count: parts.length,
    encode: (part) => encoder.encodeTokens(parts[part]!.tokens, parts[part]!.columns),
    classesFor: (part) => found[part]!,
  });
  const results = sentences.map((): string[] => []);
  parts.forEach(({ sentence }, part) => {
    for (const id of found[part]!) results[sentence]!.push(classes[id]!);
  });
  return results;
}
