import type { SchemaElement } from 'hyparquet';
import { DamagedParquet } from './parquet-checks.js';
import { type Decoding, decodeUtf8 } from '../../input/utf8.js';

/**
 * The text of a Parquet file's values: different values have different texts, so that none of them
 * goes through a number of another type.
 */
export type ToText = (value: unknown) => string;

/**
 * How values of a column become text.
 *
 * @returns undefined for types whose values have no text, such as intervals.
 */
export function chooseText(element: SchemaElement, decoding: Decoding): ToText | undefined {
  const { type, logical_type: logical, converted_type: converted } = element;
  if (logical?.type === 'DECIMAL' || converted === 'DECIMAL') {
    const scale = logical?.type === 'DECIMAL' ? logical.scale : (element.scale ?? 0);
    return (value) => writeDecimal(toInteger(value), scale);
  }
  switch (type) {
    case 'BOOLEAN':
      return String;
    case 'INT32':
    case 'INT64':
      return chooseIntegerText(element);
    // Days and nanoseconds of a day, as old writers of times have it.
    case 'INT96':
      return (value) => {
        const both = value as bigint;
        const days = (both >> 64n) - 2440588n;
        return writeTime(days * 86_400_000_000_000n + BigInt.asUintN(64, both), 9, 'Z');
      };
    case 'FLOAT':
      return (value) => writeFloat(value as number);
    case 'DOUBLE':
      return (value) => writeNumber(value as number);
    case 'BYTE_ARRAY':
      return isText(element) ? (value) => decodeUtf8(toBuffer(value), decoding) : undefined;
    case 'FIXED_LEN_BYTE_ARRAY':
      if (logical?.type === 'UUID') return (value) => writeUuid(toBuffer(value).toString('hex'));
      if (logical?.type === 'FLOAT16') return (value) => writeNumber(readHalf(toBuffer(value)));
      return undefined;
    default:
      return undefined;
  }
}

/** Whether a column holds strings. Old writers do not say so. */
export function isText({
  type,
  logical_type: logical,
  converted_type: converted,
}: SchemaElement): boolean {
  const what = logical?.type ?? converted;
  return type === 'BYTE_ARRAY' && (what === undefined || textTypes.has(what));
}

/** Whether a column holds numbers, as they are and not as days or parts of a second. */
export function isNumber({
  type,
  logical_type: logical,
  converted_type: converted,
}: SchemaElement): boolean {
  const what = logical?.type ?? converted ?? '';
  if (what === 'DECIMAL' || what === 'FLOAT16') return true;
  if (type === 'FLOAT' || type === 'DOUBLE') return true;
  return (type === 'INT32' || type === 'INT64') && !/^(DATE|TIME)/.test(what);
}

const textTypes = new Set<string>(['STRING', 'UTF8', 'ENUM', 'JSON']);

function chooseIntegerText({
  type,
  logical_type: logical,
  converted_type: converted,
}: SchemaElement): ToText {
  const bits = type === 'INT32' ? 32 : 64;
  if (logical?.type === 'DATE' || converted === 'DATE') {
    return (value) =>
      writeTime(toInteger(value) * 86_400_000n, 3, '').slice(0, -'T00:00:00.000'.length);
  }
  if (logical?.type === 'TIME')
    return (value) => writeClock(toInteger(value), digitsOf[logical.unit]);
  if (converted === 'TIME_MILLIS') return (value) => writeClock(toInteger(value), 3);
  if (converted === 'TIME_MICROS') return (value) => writeClock(toInteger(value), 6);
  if (logical?.type === 'TIMESTAMP') {
    const zone = logical.isAdjustedToUTC ? 'Z' : '';
    return (value) => writeTime(toInteger(value), digitsOf[logical.unit], zone);
  }
  if (converted === 'TIMESTAMP_MILLIS') return (value) => writeTime(toInteger(value), 3, 'Z');
  if (converted === 'TIMESTAMP_MICROS') return (value) => writeTime(toInteger(value), 6, 'Z');
  const isUnsigned =
    logical?.type === 'INTEGER' ? !logical.isSigned : (converted?.startsWith('UINT_') ?? false);
  return isUnsigned ? (value) => BigInt.asUintN(bits, toInteger(value)).toString() : String;
}

/** Digits behind the seconds' point. */
const digitsOf = { MILLIS: 3, MICROS: 6, NANOS: 9 } as const;

function toInteger(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return BigInt(value);
  const bytes = toBuffer(value);
  // Big-endian, in two's complement.
  return bytes.length === 0
    ? 0n
    : BigInt.asIntN(8 * bytes.length, BigInt(`0x${bytes.toString('hex')}`));
}

function toBuffer(value: unknown): Buffer {
  if (!(value instanceof Uint8Array)) throw new DamagedParquet('a value is of an impossible type');
  return Buffer.from(value.buffer, value.byteOffset, value.length);
}

function writeDecimal(unscaled: bigint, scale: number): string {
  if (scale <= 0) return (unscaled * 10n ** BigInt(-scale)).toString();
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** A point in time, given in parts of a second, as ISO 8601 has it. */
function writeTime(units: bigint, digits: number, zone: string): string {
  const second = 10n ** BigInt(digits);
  const part = ((units % second) + second) % second;
  const date = new Date(Number((units - part) / second) * 1000);
  if (Number.isNaN(date.getTime())) throw new DamagedParquet('a time is out of range');
  return `${date.toISOString().slice(0, -'000Z'.length)}${part.toString().padStart(digits, '0')}${zone}`;
}

/** A time of a day. */
function writeClock(units: bigint, digits: number): string {
  if (units < 0n) throw new DamagedParquet('a time is out of range');
  return writeTime(units, digits, '').slice('1970-01-01T'.length);
}

function writeNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** With the fewest digits that tell it from all other numbers of its type. */
function writeFloat(value: number): string {
  if (value === 0) return writeNumber(value);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return writeNumber(short);
  }
  return writeNumber(Number(value.toPrecision(9)));
}

function readHalf(bytes: Buffer): number {
  const bits = bytes.readUInt16LE();
  const sign = bits >> 15 === 1 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction > 0 ? NaN : sign * Infinity;
  return exponent === 0 ? sign * 2 ** -14 * fraction : sign * 2 ** (exponent - 15) * (1 + fraction);
}

function writeUuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
