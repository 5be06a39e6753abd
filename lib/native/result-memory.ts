import { LpRegError } from '../errors.js';
import { METRIC_FIELDS } from './names.js';

/** The loss and its metrics. */
export const SCALAR_COUNT = 1 + Object.keys(METRIC_FIELDS).length;

/** Bytes up to which synchronous calls share their memory: most of a small call would be its allocation. */
const SHARED_BYTES = 2 ** 16;

/**
 * Memory that an operation writes its results to: the scalars of `lpreg_loss_result`, then 4 bytes per row for
 * each requested per-token field. Results are copied out of it, so that each has a buffer of its own.
 */
export class ResultMemory {
  readonly scalars: Float64Array;
  readonly #float32: Float32Array;
  readonly #int32: Int32Array;
  readonly #uint8: Uint8Array;

  /** @param bytes - Behind the scalars. */
  private constructor(bytes: number) {
    this.scalars = new Float64Array(SCALAR_COUNT + Math.ceil(bytes / 8));
    const begin = 8 * SCALAR_COUNT;
    this.#float32 = new Float32Array(this.scalars.buffer, begin);
    this.#int32 = new Int32Array(this.scalars.buffer, begin);
    this.#uint8 = new Uint8Array(this.scalars.buffer, begin);
  }

  /**
   * @param fields - Number of per-token fields.
   * @param isJob - Whether the results are not read at once, so that the next call must not get the same memory.
   * @throws {LpRegError} `ERR_OUT_OF_MEMORY`.
   */
  static of(fields: number, rows: number, isJob: boolean): ResultMemory {
    const bytes = 4 * fields * rows;
    if (!isJob && bytes <= SHARED_BYTES) {
      shared ??= new ResultMemory(SHARED_BYTES);
      return shared;
    }
    try {
      return new ResultMemory(bytes);
    } catch (cause) {
      throw new LpRegError('ERR_OUT_OF_MEMORY', `results: no memory for ${rows} rows`, { cause });
    }
  }

  /** Copy of a field's first `rows` elements, where `field` counts the requested ones. */
  float32(field: number, rows: number): Float32Array {
    return this.#float32.slice(field * rows, (field + 1) * rows);
  }

  int32(field: number, rows: number): Int32Array {
    return this.#int32.slice(field * rows, (field + 1) * rows);
  }

  uint8(field: number, rows: number): Uint8Array {
    return this.#uint8.slice(4 * field * rows, 4 * field * rows + rows);
  }
}

let shared: ResultMemory | undefined;
