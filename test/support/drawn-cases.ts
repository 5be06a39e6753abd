/** Drawn batches that meet a condition. */
import { type DrawnBatch, drawBatch } from './draw.js';
import type { LossName, ReferenceInput } from './reference/case.js';

const MOST_SEEDS = 5000;

/** The first `count` drawn batches of one loss that `accept` accepts. */
export function drawnBatches(
  loss: LossName,
  count: number,
  accept: (input: ReferenceInput, batch: DrawnBatch) => boolean = () => true,
): DrawnBatch[] {
  const batches: DrawnBatch[] = [];
  for (let seed = 0; batches.length < count; seed++) {
    if (seed === MOST_SEEDS) throw new Error(`${loss}: too few drawn batches meet the condition`);
    const batch = drawBatch(seed, loss);
    if (accept(batch.input, batch)) batches.push(batch);
  }
  return batches;
}

export function someValid({ mask }: ReferenceInput): boolean {
  return mask.includes(1);
}

/** Short rows, which slow checks of every element can afford. */
export function isSmall({ meta }: ReferenceInput): boolean {
  return meta.V <= 64;
}
