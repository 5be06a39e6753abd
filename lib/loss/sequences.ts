import { LpRegError } from '../errors.js';
import { missing } from '../options/checks.js';
import { describe } from '../tensors/own-fields.js';

/**
 * Where each sequence of a batch begins, and where the last one ends.
 * @param parent - The caller's name for the batch.
 * @throws {LpRegError} `ERR_MISSING`, `ERR_SHAPE`, `ERR_TYPE`, `ERR_OPTION_WITHOUT_EFFECT` for both at once.
 */
export function readSequences(shape: unknown, cuSeqLens: unknown, parent: string): number[] {
  if (cuSeqLens === undefined) {
    if (shape === undefined) throw missing(`${parent}.shape`, '[B, T], or cuSeqLens for packed rows');
    const [sequences, tokens] = readPair(shape, `${parent}.shape`);
    return Array.from({ length: sequences + 1 }, (_, b) => b * tokens);
  }
  const argument = `${parent}.cuSeqLens`;
  if (shape !== undefined) {
    const message = `${argument}: has no effect with a shape [B, T]`;
    throw new LpRegError('ERR_OPTION_WITHOUT_EFFECT', message, { argument });
  }
  if (!(cuSeqLens instanceof Int32Array || cuSeqLens instanceof BigInt64Array)) {
    const message = `${argument}: expected an Int32Array or BigInt64Array, received ${describe(cuSeqLens)}`;
    throw new LpRegError('ERR_TYPE', message, { argument });
  }
  const starts = Array.from<number | bigint, number>(cuSeqLens, Number);
  const wrong = starts.findIndex((start, b) => (b === 0 ? start !== 0 : start < (starts[b - 1] as number)));
  if (starts.length === 0 || wrong >= 0) {
    throw new LpRegError('ERR_SHAPE', `${argument}: must begin with 0 and ascend`, {
      argument,
      index: Math.max(0, wrong),
    });
  }
  return starts;
}

/** `[B, T]`. @throws {LpRegError} `ERR_SHAPE`. */
export function readPair(shape: unknown, argument: string): [number, number] {
  const isPair = Array.isArray(shape) && shape.length === 2;
  if (isPair && shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    return shape as [number, number];
  }
  throw new LpRegError('ERR_SHAPE', `${argument}: expected [B, T], received ${describe(shape)}`, {
    argument,
  });
}
