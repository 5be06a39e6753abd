/** Reads single tensors of a safetensors file: only what is asked for is ever in memory. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { LpRegError } from '../errors.js';
import {
  fileFormatError,
  MAX_HEADER_BYTES,
  parseHeader,
  quoteName,
  type SafetensorsHeader,
  TENSOR_ARRAYS,
  type TensorDtype,
  type TensorInfo,
} from './safetensors-header.js';

/** Any typed array that a tensor can be read into. */
export type TensorData = Float64Array | Float32Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array;

/** A dense tensor; F16 and BF16 are bit patterns in a `Uint16Array`. */
export interface FileTensor {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** One system call moves less than 2 GiB, so that larger tensors are moved in pieces. */
export const IO_CHUNK_BYTES = 1 << 30;

const LENGTH_BYTES = 8;

/** An open safetensors file. Its header has been checked; `close()` it when done. */
export class SafetensorsFile {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  #descriptor: number;
  #dataStart: number;

  /**
   * Opens a file and checks its header.
   * @throws {LpRegError} `ERR_FILE_FORMAT` if the file cannot be read or breaks the format.
   */
  constructor(path: string) {
    this.path = path;
    this.#descriptor = openRegularFile(path);
    try {
      const fileBytes = fstatSync(this.#descriptor).size;
      const json = readHeaderBytes(this.#descriptor, fileBytes);
      this.#dataStart = LENGTH_BYTES + json.length;
      const header: SafetensorsHeader = parseHeader(json, fileBytes - this.#dataStart);
      this.metadata = header.metadata;
      this.tensors = header.tensors;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Reads one tensor into a buffer of its own, so that every element is aligned wherever the file put it.
   * @throws {LpRegError} `ERR_FILE_FORMAT` if there is no such tensor or the file has shrunk, `ERR_OUT_OF_MEMORY` if it does not fit.
   */
  read(name: string): FileTensor {
    const info = this.tensors.get(name);
    if (info === undefined) throw fileFormatError(`there is no tensor ${quoteName(name)}`, name);
    const buffer = allocate(name, info.end - info.begin);
    readFully(this.#descriptor, new Uint8Array(buffer), this.#dataStart + info.begin);
    return { dtype: info.dtype, shape: info.shape, data: new TENSOR_ARRAYS[info.dtype](buffer) };
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function openRegularFile(path: string): number {
  try {
    // Checked before opening: opening a named pipe would wait for a writer.
    if (statSync(path).isFile()) return openSync(path, 'r');
  } catch (cause) {
    throw fileFormatError(`cannot open ${path}: ${(cause as Error).message}`, undefined, cause);
  }
  throw fileFormatError(`cannot open ${path}: not a regular file`);
}

function readHeaderBytes(descriptor: number, fileBytes: number): Uint8Array {
  if (fileBytes < LENGTH_BYTES)
    throw fileFormatError(`a file of ${fileBytes} bytes is too short for a header`);
  const prefix = new Uint8Array(LENGTH_BYTES);
  readFully(descriptor, prefix, 0);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES)
    throw fileFormatError(`a header of ${length} bytes is longer than ${MAX_HEADER_BYTES}`);
  if (length > fileBytes - LENGTH_BYTES) {
    throw fileFormatError(`a header of ${length} bytes does not fit into a file of ${fileBytes}`);
  }
  const json = new Uint8Array(Number(length));
  readFully(descriptor, json, LENGTH_BYTES);
  return json;
}

function allocate(name: string, bytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch (cause) {
    throw new LpRegError('ERR_OUT_OF_MEMORY', `tensor ${quoteName(name)}: no memory for ${bytes} bytes`, {
      argument: name,
      cause,
    });
  }
}

function readFully(descriptor: number, target: Uint8Array, position: number): void {
  let done = 0;
  while (done < target.length) {
    const wanted = Math.min(target.length - done, IO_CHUNK_BYTES);
    const got = readSync(descriptor, target, done, wanted, position + done);
    if (got === 0) throw fileFormatError('the file ends early: it was cut while being read');
    done += got;
  }
}
