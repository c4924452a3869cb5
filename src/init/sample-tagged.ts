import { isCut, type ReadContent, type Reading } from './reading.js';
import { splitBlanks } from './sniff.js';

/** The first sentences of CoNLL columns: a token a line, a blank line behind each sentence. */
export async function readSentences({ pieces, mostRows }: Reading): Promise<ReadContent> {
  const sentences: string[][][] = [];
  let sentence: string[][] = [];
  let rest = '';
  let isWhole = true;
  const take = (line: string): void => {
    if (line.trim() === '') {
      if (sentence.length > 0) sentences.push(sentence);
      sentence = [];
    } else if (!line.startsWith('-DOCSTART-')) sentence.push(splitBlanks(line));
  };
  for await (const piece of pieces) {
    const lines = (rest + piece).split(/\r?\n/);
    rest = lines.pop()!;
    lines.forEach(take);
    if (sentences.length <= mostRows) continue;
    isWhole = false;
    break;
  }
  take(rest);
  take('');
  const columns = sentences[0]?.[0]?.length ?? 0;
  return {
    content: { kind: 'tagged', sentences, columns },
    rows: sentences.length,
    isWhole: isWhole && !isCut(pieces),
  };
}
