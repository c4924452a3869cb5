import stringWidth from 'string-width';
import type { Paint, Style } from './colour.js';

/** Lines of a terminal: as wide as they look, whatever characters they have. */

/** A piece of a line. */
export interface Piece {
  text: string;
  style?: Style;
  /** Where a line is too narrow for all, those with the highest rank go first; 0 stays. */
  rank?: number;
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Columns that a text takes. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/** The start of a text that fits into so many columns, with an ellipsis where the rest is missing. */
export function clip(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = '';
  let width = 0;
  for (const { segment } of graphemes.segment(text)) {
    const wide = widthOf(segment);
    if (width + wide > columns - 1) break;
    kept += segment;
    width += wide;
  }
  return columns < 1 ? '' : `${kept}…`;
}

/**
 * One line of as many pieces as fit, with two blanks in between.
 *
 * @param columns the most that it may take
 */
export function fitLine(pieces: readonly Piece[], columns: number, paint: Paint): string {
  let kept = pieces.filter(({ text }) => text !== '');
  const widthAll = (): number => kept.reduce((sum, { text }) => sum + widthOf(text) + 2, -2);
  while (kept.length > 1 && widthAll() > columns) {
    const highest = Math.max(...kept.map(({ rank = 0 }) => rank));
    if (highest === 0) break;
    const last = kept.findLastIndex(({ rank = 0 }) => rank === highest);
    kept = kept.filter((_, i) => i !== last);
  }
  if (widthAll() > columns) return clip(kept.map(({ text }) => text).join('  '), columns);
  return kept.map(({ text, style }) => paint(text, style)).join('  ');
}
