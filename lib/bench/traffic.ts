/** The fewest bytes that a form must move between memory and the processor, whatever the implementation does. */
import type { TensorDtype } from '../tensors/tensor.js';

/** What is called, and with which target for the gradient. */
export type Form =
  | 'forward'
  | 'backward'
  | 'in-place'
  | 'in-place, no outputs'
  | 'out-of-place'
  | 'token-stats';

/** Bytes of an element. */
const ELEMENT_BYTES: Readonly<Record<TensorDtype, number>> = { float32: 4, float16: 2, bfloat16: 2 };

/** Logits-sized crossings: how often each element must be read and written at least. */
const CROSSINGS: Readonly<Record<Form, { reads: number; writes: number }>> = {
  forward: { reads: 1, writes: 0 },
  'token-stats': { reads: 1, writes: 0 },
  backward: { reads: 1, writes: 1 },
  'in-place': { reads: 1, writes: 1 },
  'in-place, no outputs': { reads: 1, writes: 1 },
  'out-of-place': { reads: 1, writes: 1 },
};

/** Size of what is measured. */
export interface Extent {
  /** Rows, all of them valid. */
  readonly rows: number;
  readonly vocab: number;
  readonly dtype: TensorDtype;
}

/** Bytes of the logits. */
export function logitsBytes({ rows, vocab, dtype }: Extent): number {
  return rows * vocab * ELEMENT_BYTES[dtype];
}

/**
 * Minimal bytes of a form: each logit read once, each gradient element written once. A second sweep over a row counts
 * nothing, because it can come from a cache; a write counts once, although a cache may fetch the line first; per-row
 * arrays are left out. So an implementation that needs more traffic shows it as a lower rate.
 * @param oldLogits - Whether the loss reads the old policy's logits too.
 */
export function minimalBytes(form: Form, extent: Extent, oldLogits = false): number {
  const { reads, writes } = CROSSINGS[form];
  return (reads + writes + (oldLogits ? 1 : 0)) * logitsBytes(extent);
}

/** Bytes of the copy and of the in-place negation: one read and one write. */
export function yardstickBytes(extent: Extent): number {
  return 2 * logitsBytes(extent);
}

/** @returns Gigabytes (1e9 bytes) per second. */
export function gigabytesPerSecond(bytes: number, milliseconds: number): number {
  return bytes / milliseconds / 1e6;
}
