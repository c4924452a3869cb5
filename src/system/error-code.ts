/** The code of an error of Node (`ENOENT`, `Z_DATA_ERROR`); empty for any other. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';
}
