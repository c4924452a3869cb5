/** The labels of a row, where it may have several or none: as a cell writes them, one behind the other. */

/** The labels of a cell in their order, without white space around them, each once. */
export function splitLabels(cell: string, separator: string): string[] {
  const labels = cell.split(separator).map((label) => label.trim());
  return Array.from(new Set(labels)).filter((label) => label !== '');
}

/**
 * Whether a label can be told from what stands around it. One that ends as a separator of several characters begins cannot,
 * where that begins as it ends: `A-` before `--`.
 */
function isApart(label: string, separator: string): boolean {
  return (label + separator).indexOf(separator) === label.length;
}

/** The reason why what stands in a cell could not be read again if it were written with its labels alone; undefined where it could. */
export function explainNoSet(cell: string, separator: string): string | undefined {
  // One character has nothing of another within it.
  if (separator.length === 1) return undefined;
  const odd = splitLabels(cell, separator).find((label) => !isApart(label, separator));
  return odd === undefined ? undefined : `${explainNotApart(odd, separator)}.`;
}

function explainNotApart(label: string, separator: string): string {
  const shown = JSON.stringify(separator);
  return label.includes(separator)
    ? `${JSON.stringify(label)}, in which ${shown} stands, as between labels (data.labelSeparator)`
    : `${JSON.stringify(label)}, which ends as ${shown} begins, so that nobody could tell where it ends (data.labelSeparator)`;
}

/**
 * @param items of a list: labels, numbers as they are written
 * @returns a cell that `splitLabels` makes the same labels of; a reason, as of a bad row, where a list has something that is no label
 */
export function joinLabels(
  items: readonly unknown[],
  separator: string,
): { cell: string } | { odd: string } {
  const labels: string[] = [];
  for (const item of items) {
    if (typeof item !== 'string' && typeof item !== 'number' && typeof item !== 'boolean') {
      return { odd: item === null ? 'null' : Array.isArray(item) ? 'an array' : 'an object' };
    }
    const label = String(item).trim();
    if (!isApart(label, separator)) return { odd: explainNotApart(label, separator) };
    labels.push(label);
  }
  return { cell: labels.join(separator) };
}
