/** Central differences of the reference's loss, with proxies and decisions held as they were. */
import { Random } from './random.js';
import type { ReferenceInput } from './reference/case.js';
import { evaluateReference, referenceLoss } from './reference.js';

/** Far inside the margin that drawn decisions keep from their boundaries. */
const STEP = 1e-5;

/** The slope of the loss along one element of the logits. */
export interface Slope {
  /** Flat index into the logits. */
  index: number;
  slope: number;
}

/** Flat indices of finite logits in valid rows: the sampled tokens' own, and random others. */
function probes({ mask, actions, logits, meta }: ReferenceInput): number[] {
  const random = new Random(meta.B, meta.T, meta.V);
  const indices: number[] = [];
  mask.forEach((bit, token) => {
    if (bit === 0) return;
    indices.push(token * meta.V + (actions[token] as number));
    indices.push(token * meta.V + random.integer(0, meta.V - 1));
  });
  return indices.filter((index) => Number.isFinite(logits[index]));
}

/** Slopes at some elements of every valid row. */
export function slopesOf(input: ReferenceInput): Slope[] {
  const logits = Float64Array.from(input.logits);
  const moving = { ...input, logits };
  const { frozen } = evaluateReference(moving);
  const lossAt = (index: number, value: number) => {
    const before = logits[index] as number;
    logits[index] = value;
    const moved = referenceLoss(moving, frozen).loss;
    logits[index] = before;
    return moved;
  };
  return probes(input).map((index) => {
    const above = (logits[index] as number) + STEP;
    const below = (logits[index] as number) - STEP;
    return { index, slope: (lossAt(index, above) - lossAt(index, below)) / (above - below) };
  });
}
