import { open, stat } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { describeOddFile, describeSystemError } from '../system/system-errors.js';

/** More bytes than any config has: whoever gives a larger file has mistaken it. */
const largest = 1 << 20;

/** What a process was started with, be it a pipe: `--config /dev/stdin`, `--config <(…)`. */
const ownDescriptor = /^\/(?:dev\/(?:stdin|fd\/\d+)|proc\/self\/fd\/\d+)$/;

/** Whether a path is a descriptor of this process, which no other process can read later. */
export function isOwnDescriptor(path: string): boolean {
  return ownDescriptor.test(path);
}

/**
 * The text of a config file.
 * @throws UserError for what is missing, no file, no text or far too large.
 */
export async function readConfigText(path: string): Promise<string> {
  const refuse = (reason: string, cause?: unknown) =>
    new UserError(`${path}: expected a config file, but ${reason}`, { cause });
  if (path.includes('\0')) throw refuse('no name has a NUL');
  const bytes = await readStart(path, refuse).catch((error: unknown) => {
    const reason = describeSystemError(error);
    if (reason === undefined) throw error;
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw refuse(isMissing ? 'there is no such file' : `it cannot be read: ${reason}`, error);
  });
  if (bytes.length > largest) throw refuse(`it has more than ${largest} bytes`);
  const binary = bytes.indexOf(0);
  if (bytes.length >= 2 && (bytes.readUInt16LE() === 0xfeff || bytes.readUInt16BE() === 0xfeff)) {
    throw refuse('it is UTF-16: save it as UTF-8');
  }
  if (binary >= 0) throw refuse(`it is no text: byte ${binary} is 0`);
  const text = bytes.toString();
  // What a writer meant by U+FFFD itself is still the same bytes.
  if (!Buffer.from(text).equals(bytes)) {
    const line = text.slice(0, firstDifference(text, bytes)).split('\n').length;
    throw refuse(`line ${line} is not UTF-8: save it as UTF-8`);
  }
  return text;
}

async function readStart(path: string, refuse: (reason: string) => UserError): Promise<Buffer> {
  const found = await stat(path);
  if (found.isDirectory()) throw refuse('it is a directory');
  const odd = describeOddFile(found);
  // Opening another pipe would wait for somebody to write to it.
  if (odd !== undefined && !(found.isFIFO() && isOwnDescriptor(path))) {
    throw refuse(`it is ${odd}`);
  }
  const file = await open(path);
  try {
    const pieces: Buffer[] = [];
    for (let total = 0; total <= largest;) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(1 << 16), 0, 1 << 16);
      if (bytesRead === 0) break;
      pieces.push(buffer.subarray(0, bytesRead));
      total += bytesRead;
    }
    return Buffer.concat(pieces);
  } finally {
    await file.close();
  }
}

/** How many characters of a text were read from the very bytes that would be written for them. */
function firstDifference(text: string, bytes: Buffer): number {
  for (let at = text.indexOf('\uFFFD'); at >= 0; at = text.indexOf('\uFFFD', at + 1)) {
    const start = Buffer.byteLength(text.slice(0, at));
    if (!bytes.subarray(start, start + 3).equals(Buffer.from('\uFFFD'))) return at;
  }
  return text.length;
}
