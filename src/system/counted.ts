/**
 * A number with what it counts: "1 worker", "2,048 workers".
 *
 * @param many for more or less than one; with an s where absent
 */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}
