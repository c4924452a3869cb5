/**
 * Cuts rows in their order into parts of about the same cost, none of them empty.
 *
 * @param costs of the rows, above 0
 * @param parts at most as many as there are rows
 * @returns where each part begins and, at its end, where the last one ends [parts + 1]
 */
export function cutEvenly(costs: ArrayLike<number>, parts: number): Uint32Array {
  const rows = costs.length;
  let total = 0;
  for (let row = 0; row < rows; row++) total += costs[row]!;
  const starts = new Uint32Array(parts + 1);
  let [row, done] = [0, 0];
  for (let part = 0; part < parts; part++) {
    starts[part] = row;
    const [end, last] = [(total * (part + 1)) / parts, rows - (parts - part - 1)];
    do done += costs[row++]!;
    while (row < last && done < end);
  }
  starts[parts] = rows;
  return starts;
}
