// Whether a contender computes what we do. A wrong one is not timed.
import { readFileSync } from 'node:fs';

/** Of a loss whose tokens are of order 1 and cancel: absolute below 1, relative above. */
const LOSS_TOLERANCE = 1e-4;
/** Of the largest element of the row or, in rows that nearly cancel, of a typical row. Another formula is off by more. */
const GRADIENT_TOLERANCE = 1e-3;

function readFloats(file) {
  const { buffer, byteOffset, byteLength } = readFileSync(file);
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

function largestIn(values, begin, end) {
  let largest = 0;
  for (let i = begin; i < end; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
}

/** Largest error of a gradient, relative to the largest element of its row or of a typical row. */
export function gradientError(actual, expected, vocab) {
  const rows = expected.length / vocab;
  const scales = Array.from({ length: rows }, (_, row) =>
    largestIn(expected, row * vocab, (row + 1) * vocab),
  );
  const typical = scales.reduce((a, b) => a + b, 0) / rows;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]) / Math.max(scales[Math.floor(i / vocab)], typical);
    if (Number.isNaN(error)) return Number.POSITIVE_INFINITY;
    worst = Math.max(worst, error);
  }
  return worst;
}

/**
 * Compares a run with ours.
 * @param files - Gradients as files: { actual, expected }, or undefined where the work has none.
 * @returns undefined, or what is wrong.
 */
export function differenceFrom(ours, theirs, files, vocab) {
  const lossError = Math.abs(theirs.loss - ours.loss) / Math.max(Math.abs(ours.loss), 1);
  if (!(lossError <= LOSS_TOLERANCE)) return `loss ${theirs.loss}, ours ${ours.loss}`;
  if (files === undefined) return undefined;
  const error = gradientError(readFloats(files.actual), readFloats(files.expected), vocab);
  if (!(error <= GRADIENT_TOLERANCE)) return `gradient is off by ${error} of its row`;
  return undefined;
}
