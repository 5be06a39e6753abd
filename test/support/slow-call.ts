/** Calls that last some tenths of a second, to be caught under way. */
import { PolicyLoss, type PolicyLossBatch, type Tensor } from '../../lib/index.js';

/** A loss that takes several sweeps over each row. */
export const slowLoss = new PolicyLoss({ objective: 'lp-reg', proxy: 'old', softcap: 30 });

const V = 131072;

/**
 * A batch for {@link slowLoss}. Its logits are zeros that nobody has touched, so that they cost next to no memory as long
 * as nothing is written to them.
 */
export function slowBatch(rows: number, Buffer: new (bytes: number) => ArrayBufferLike = SharedArrayBuffer) {
  const data = new Float32Array(new Buffer(4 * rows * V));
  const logits = { data, dtype: 'float32', shape: [1, rows, V] } satisfies Tensor;
  return {
    logits,
    oldLogits: { ...logits, data: new Float32Array(new SharedArrayBuffer(4 * rows * V)) },
    actions: new Int32Array(rows),
    oldLogProbs: new Float32Array(rows).fill(-11),
    advantages: new Float32Array(rows).fill(-1),
  } satisfies PolicyLossBatch;
}

/**
 * Makes `attempt` with more and more rows until it catches its call under way: a quick machine, or one that gives this
 * thread no time, ends a call of few rows before it is looked at.
 */
export async function catchUnderWay(attempt: (rows: number) => Promise<boolean>): Promise<void> {
  for (const rows of [256, 1024, 4096]) {
    if (await attempt(rows)) return;
  }
  throw new Error('every call had ended before it was looked at');
}
