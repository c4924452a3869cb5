/** Digest of the kernels' sources that this program was compiled beside: scripts/build.js writes it into dist/. */
export const builtFrom: string | undefined = undefined as string | undefined;
