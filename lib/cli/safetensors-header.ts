/**
 * The header of a safetensors file: parsed strictly, because a batch file comes from elsewhere.
 * Layout: u64 little-endian header length, that many bytes of JSON, then the tensors back to back without holes.
 */
import { LpRegError } from '../errors.js';

/** Typed array that holds each element type; 16-bit floats stay bit patterns. Little-endian hosts only. */
export const TENSOR_ARRAYS = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

/** Element types that this reader and writer know. */
export type TensorDtype = keyof typeof TENSOR_ARRAYS;

/** Where a tensor lies: byte offsets count from the end of the header. */
export interface TensorInfo {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The file's `__metadata__`, empty if it has none. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** Longest header that is read, in bytes: room for 100,000 tensors, and a bound on what a hostile one can cost. */
export const MAX_HEADER_BYTES = 16 * 1024 * 1024;

/** Name of the metadata entry, which therefore cannot be a tensor's name. */
export const METADATA_KEY = '__metadata__';

/** An untrusted name, fit for one line of a terminal. */
export function quoteName(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name);
}

/** The error for a file that breaks its format; `tensor` names the offending tensor or key. */
export function fileFormatError(message: string, tensor?: string, cause?: unknown): LpRegError {
  return new LpRegError(
    'ERR_FILE_FORMAT',
    message,
    tensor === undefined ? { cause } : { argument: tensor, cause },
  );
}

/**
 * Parses and checks a header.
 * @param json - The header's bytes, without the length in front of them.
 * @param dataBytes - Bytes of the file behind the header; the tensors must fill exactly these.
 * @throws {LpRegError} `ERR_FILE_FORMAT`, naming the offending tensor in `argument`.
 */
export function parseHeader(json: Uint8Array, dataBytes: number): SafetensorsHeader {
  const entries = parseJsonObject(json);
  const tensors = new Map<string, TensorInfo>();
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of Object.entries(entries)) {
    if (name === METADATA_KEY) metadata = parseMetadata(value);
    else tensors.set(name, parseTensorInfo(name, value));
  }
  checkCoverage(tensors, dataBytes);
  return { tensors, metadata };
}

function parseJsonObject(json: Uint8Array): object {
  // 0x7b is '{': the format asks for it, and it also keeps out a byte order mark.
  if (json[0] !== 0x7b) throw fileFormatError('the header does not start with "{"');
  let text: string;
  let value: object;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(json);
    value = JSON.parse(text);
  } catch (cause) {
    throw fileFormatError('the header is not valid JSON', undefined, cause);
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined)
    throw fileFormatError(`the header holds ${quoteName(duplicate)} twice`, duplicate);
  return value;
}

/**
 * First key that occurs twice in one object of valid JSON, of which `JSON.parse` would silently keep the last.
 * Two readers that keep different ones would see different files.
 */
export function findDuplicateKey(validJson: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let lastString = '';
  for (let at = 0; at < validJson.length; at++) {
    const character = validJson[at];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = stringEnd(validJson, at);
      lastString = validJson.slice(at, end + 1);
      at = end;
    } else if (character === ':') {
      const key: string = JSON.parse(lastString);
      if (open.at(-1)?.has(key)) return key;
      open.at(-1)?.add(key);
    }
  }
  return undefined;
}

/** Position of the quote that closes the JSON string opening at `start`. */
function stringEnd(json: string, start: number): number {
  let end = start;
  let backslashes: number;
  do {
    end = json.indexOf('"', end + 1);
    backslashes = 0;
    while (json[end - 1 - backslashes] === '\\') backslashes++;
  } while (backslashes % 2 === 1);
  return end;
}

function parseMetadata(value: unknown): ReadonlyMap<string, string> {
  if (!isRecord(value)) throw fileFormatError(`${METADATA_KEY} is not an object of strings`, METADATA_KEY);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw fileFormatError(`${METADATA_KEY}: ${quoteName(key)} is not a string`, key);
  }
  return new Map(Object.entries(value as Record<string, string>));
}

function parseTensorInfo(name: string, value: unknown): TensorInfo {
  const fail = (what: string) => fileFormatError(`tensor ${quoteName(name)}: ${what}`, name);
  if (!isRecord(value)) throw fail('its header entry is not an object');
  const fields = new Map(Object.entries(value));
  for (const key of fields.keys()) {
    if (!['dtype', 'shape', 'data_offsets'].includes(key))
      throw fail(`unknown header field ${quoteName(key)}`);
  }
  const dtype = fields.get('dtype');
  if (!isTensorDtype(dtype)) {
    throw fail(
      `dtype must be one of ${Object.keys(TENSOR_ARRAYS).join(', ')}, not ${quoteName(String(dtype))}`,
    );
  }
  const shape = fields.get('shape');
  if (!isCountList(shape)) throw fail('shape must be a list of integers from 0 to 2^53 - 1');
  const offsets = fields.get('data_offsets');
  if (!isCountList(offsets) || offsets.length !== 2)
    throw fail('data_offsets must be two integers from 0 to 2^53 - 1');
  const [begin = 0, end = 0] = offsets;
  const bytes = byteLength(dtype, shape);
  if (bytes === undefined)
    throw fail(`shape [${shape.join(', ')}] has more elements than a number can count`);
  if (end - begin !== bytes) {
    throw fail(
      `${dtype} [${shape.join(', ')}] takes ${bytes} bytes, but data_offsets [${begin}, ${end}] hold ${end - begin}`,
    );
  }
  return { dtype, shape, begin, end };
}

/** Bytes of a dense tensor, or `undefined` where the count is no longer exact. */
export function byteLength(dtype: TensorDtype, shape: readonly number[]): number | undefined {
  let bytes: number = TENSOR_ARRAYS[dtype].BYTES_PER_ELEMENT;
  for (const extent of shape) {
    bytes *= extent;
    if (!Number.isSafeInteger(bytes)) return undefined;
  }
  return bytes;
}

/** Tensors must tile the data exactly: an overlap, a hole or a byte out of the file is an error. */
function checkCoverage(tensors: ReadonlyMap<string, TensorInfo>, dataBytes: number): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let reached = 0;
  for (const [name, { begin, end }] of inOrder) {
    const at = `tensor ${quoteName(name)}: data_offsets [${begin}, ${end}]`;
    if (end > dataBytes)
      throw fileFormatError(`${at} lie outside the file, which has ${dataBytes} bytes of data`, name);
    if (begin < reached) throw fileFormatError(`${at} overlap another tensor`, name);
    if (begin > reached) throw fileFormatError(`${at} leave a hole behind byte ${reached}`, name);
    reached = end;
  }
  if (reached < dataBytes)
    throw fileFormatError(`${dataBytes - reached} bytes behind the last tensor belong to no tensor`);
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTensorDtype(value: unknown): value is TensorDtype {
  return typeof value === 'string' && Object.hasOwn(TENSOR_ARRAYS, value);
}

function isCountList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
