import { UserError } from '../errors.js';
import type { FileSource, LoadOptions } from './public.js';

/** Files beside the module, or wherever its user has them. */

/** @throws UserError that says what could not be fetched */
export async function readBytes(
  source: FileSource | undefined,
  besides: string,
): Promise<{ bytes: Uint8Array; name: string }> {
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source), name: besides };
  if (source !== undefined && ArrayBuffer.isView(source)) {
    const { buffer, byteOffset, byteLength } = source;
    return { bytes: new Uint8Array(buffer, byteOffset, byteLength), name: besides };
  }
  const { response, name } = await fetchFile(source, besides);
  return { bytes: new Uint8Array(await response.arrayBuffer()), name };
}

/** @throws UserError that says what could not be fetched, or is no WebAssembly that runs here */
export async function readKernels(
  source: LoadOptions['kernels'],
  beside: string,
): Promise<WebAssembly.Module> {
  if (typeof source === 'object' && 'compiled' in source) {
    return source.compiled as WebAssembly.Module;
  }
  const isFetched = source === undefined || typeof source === 'string' || source instanceof URL;
  let name = beside;
  try {
    if (isFetched) {
      const fetched = await fetchFile(source, beside);
      ({ name } = fetched);
      const { response } = fetched;
      // Compiled while it comes, where the server says what it is.
      if (response.headers.get('content-type')?.startsWith('application/wasm') === true) {
        return await WebAssembly.compileStreaming(response);
      }
      return await WebAssembly.compile(await response.arrayBuffer());
    }
    return await WebAssembly.compile(source);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${name}: cannot be compiled: expected lockstep's kernels, and an engine with WebAssembly SIMD`,
      { cause: error },
    );
  }
}

async function fetchFile(
  source: string | URL | undefined,
  beside: string,
): Promise<{ response: Response; name: string }> {
  const url = source ?? new URL(beside, import.meta.url);
  const name = String(url);
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    const why = name.startsWith('file:')
      ? 'pages that are opened as files may not fetch others, a static file server serves them, and Deno asks for --allow-read'
      : 'nobody answers, or the page may not ask there';
    throw new UserError(`${name}: cannot be fetched: ${why}`, { cause: error });
  }
  if (!response.ok) {
    throw new UserError(`${name}: expected a file, the server answers ${response.status}`);
  }
  return { response, name };
}
