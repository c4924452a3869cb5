/**
 * What an error of the file system says, for the user; undefined for another error.
 *
 * @param dir That was being written to.
 */
export function explainDiskError(error: unknown, dir: string): string | undefined {
  if (!(error instanceof Error && 'syscall' in error)) return undefined;
  return `The token store cannot be made in ${dir}: ${error.message}.`;
}
