/** Writes a safetensors file, whole or not at all. */
import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { LpRegError } from '../errors.js';
import { type FileTensor, IO_CHUNK_BYTES } from './safetensors.js';
import { byteLength, METADATA_KEY, quoteName, TENSOR_ARRAYS } from './safetensors-header.js';

/**
 * Writes tensors and metadata to `path`, through a neighbouring temporary file so that a failure leaves no half file.
 * @throws {LpRegError} `ERR_SHAPE` if a shape and its data disagree, `ERR_OPTION` if `path` cannot be written.
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, FileTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): void {
  const ordered = inFileOrder(tensors);
  const header = encodeHeader(ordered, metadata);
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    // Renaming onto a device or a pipe would replace it.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) throw new Error('not a regular file');
    writeParts(temporary, [header, ...ordered.map(([, tensor]) => bytesOf(tensor))]);
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new LpRegError('ERR_OPTION', `cannot write ${path}: ${(cause as Error).message}`, {
      argument: 'out',
      cause,
    });
  }
}

/** Widest elements first, so that every tensor starts at a multiple of its element size. */
function inFileOrder(tensors: ReadonlyMap<string, FileTensor>): [string, FileTensor][] {
  const width = (tensor: FileTensor) => TENSOR_ARRAYS[tensor.dtype].BYTES_PER_ELEMENT;
  return [...tensors].sort(([nameA, a], [nameB, b]) => width(b) - width(a) || (nameA < nameB ? -1 : 1));
}

function encodeHeader(
  ordered: readonly [string, FileTensor][],
  metadata: ReadonlyMap<string, string>,
): Uint8Array {
  const entries: [string, object][] = [];
  if (metadata.size > 0) entries.push([METADATA_KEY, Object.fromEntries(metadata)]);
  let begin = 0;
  for (const [name, tensor] of ordered) {
    const end = begin + checkedByteLength(name, tensor);
    entries.push([name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] }]);
    begin = end;
  }
  // Object.fromEntries defines own properties, so that even a tensor named __proto__ is written.
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const padded = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + padded).fill(0x20, 8);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, 8);
  return header;
}

function checkedByteLength(name: string, tensor: FileTensor): number {
  const expected = byteLength(tensor.dtype, tensor.shape);
  if (expected !== tensor.data.byteLength || !(tensor.data instanceof TENSOR_ARRAYS[tensor.dtype])) {
    throw new LpRegError(
      'ERR_SHAPE',
      `tensor ${quoteName(name)}: ${tensor.dtype} [${tensor.shape.join(', ')}] does not match its data`,
      { argument: name },
    );
  }
  return expected;
}

function bytesOf(tensor: FileTensor): Uint8Array {
  return new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
}

function writeParts(path: string, parts: readonly Uint8Array[]): void {
  const descriptor = openSync(path, 'wx');
  try {
    for (const part of parts) {
      let done = 0;
      while (done < part.length)
        done += writeSync(descriptor, part, done, Math.min(part.length - done, IO_CHUNK_BYTES));
    }
  } finally {
    closeSync(descriptor);
  }
}
