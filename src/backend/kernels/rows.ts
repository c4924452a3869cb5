import { PANEL, panelsOf } from '../../tensor/heap.js';

/**
 * Which panels of a packed matrix the rows of a parameter become. The parameter has `blocks` blocks of equal height H, one
 * behind the other; for each 16 rows of H the packed matrix has `of` panels side by side, and block b is panel
 * `panels[b]` of them. Four blocks that become all of four panels: {4 of 4: 0 1 2 3}.
 *
 * A unit of work is 16 rows of a parameter: unit u is block u % blocks of the 16 rows u / blocks (rounded down) of H.
 */
export interface RowMap {
  /** At most 8. */
  readonly blocks: number;
  /** At most 16. */
  readonly of: number;
  readonly panels: readonly number[];
}

/** A matrix whose rows are the columns of the packed one. */
export const PLAIN_ROWS: RowMap = { blocks: 1, of: 1, panels: [0] };

/** The same rows with no panels left out: as the products of a recurrent layer read its packed W_hh. */
export function withoutGaps({ blocks }: RowMap): RowMap {
  return { blocks, of: blocks, panels: Array.from({ length: blocks }, (_, block) => block) };
}

/** Units of work of a parameter of so many rows. */
export function unitsOf(rows: number, map: RowMap): number {
  return map.blocks * panelsOf(rows / map.blocks);
}

/** Panels of the packed matrix. */
export function packedPanels(rows: number, map: RowMap): number {
  return map.of * panelsOf(rows / map.blocks);
}

/** The rows that unit `unit` of a parameter stands for, and the panel that they become. */
export function rowsOfUnit(
  unit: number,
  rows: number,
  map: RowMap,
): { rows: number[]; panel: number } {
  const height = rows / map.blocks;
  const group = Math.floor(unit / map.blocks);
  const block = unit % map.blocks;
  const first = group * PANEL;
  return {
    rows: Array.from(
      { length: Math.min(PANEL, height - first) },
      (_, r) => block * height + first + r,
    ),
    panel: panelOfUnit(unit, map),
  };
}

/** The panel of the packed matrix that a unit of a parameter becomes. */
export function panelOfUnit(unit: number, { blocks, of, panels }: RowMap): number {
  return Math.floor(unit / blocks) * of + panels[unit % blocks]!;
}

/** A map and a parameter's rows as kernels/rows.h takes them: height, blocks, of, and the panels as digits. */
export function rowArguments(rows: number, map: RowMap): number[] {
  return [rows / map.blocks, map.blocks, map.of, panelDigits(map)];
}

/** The panel of block b as digit b of a number to the base of 16. */
export function panelDigits(map: RowMap): number {
  return map.panels.reduce((digits, panel, block) => digits + panel * 16 ** block, 0);
}
