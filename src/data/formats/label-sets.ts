/** The labels of a row, where it may have several or none: as a cell writes them, one behind the other. */

/** The labels of a cell in their order, without white space around them, each once. */
export function splitLabels(cell: string, separator: string): string[] {
  const labels = cell.split(separator).map((label) => label.trim());
  return Array.from(new Set(labels)).filter((label) => label !== '');
}

/** @returns A reason, as of a bad row, where a list has something that is no label. */
export function joinLabels(
  items: readonly unknown[],
  separator: string,
): { cell: string } | { odd: string } {
  for (const item of items) {
    if (typeof item !== 'string' && typeof item !== 'number' && typeof item !== 'boolean') {
      return { odd: item === null ? 'null' : Array.isArray(item) ? 'an array' : 'an object' };
    }
    if (String(item).includes(separator)) {
      return {
        odd: `${JSON.stringify(item)}, in which ${JSON.stringify(separator)} stands, as between labels (data.labelSeparator)`,
      };
    }
  }
  return { cell: items.join(separator) };
}
