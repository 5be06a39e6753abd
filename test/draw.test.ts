import { describe, expect, test } from 'vitest';
import { slopesOf } from './support/central-differences.js';
import { Coverage, type DrawnBatch, drawBatch, LOSSES } from './support/draw.js';
import type { LossName, ReferenceInput } from './support/reference/case.js';
import type { ReferenceResult } from './support/reference.js';

const BATCHES = 2000;
const LEAST_PER_OPTION = 3;

/** Drawn batches of one loss that the given filter accepts, and whose rows are short enough to differentiate. */
function batchesOf(loss: LossName, count: number, accept: (input: ReferenceInput) => boolean): DrawnBatch[] {
  const batches: DrawnBatch[] = [];
  for (let seed = 0; batches.length < count; seed++) {
    const batch = drawBatch(seed, loss);
    if (batch.input.meta.V <= 64 && batch.input.mask.includes(1) && accept(batch.input)) batches.push(batch);
  }
  return batches;
}

/** The largest difference between the stated gradient and central differences, over the largest gradient. */
function worstDifference({ input, reference: { grad, loss } }: DrawnBatch): number {
  const errors = slopesOf(input).map(({ index, slope }) => Math.abs(slope - (grad[index] as number)));
  const largest = grad.reduce((most, slope) => Math.max(most, Math.abs(slope)), 0);
  return Math.max(0, ...errors) / (largest + Math.abs(loss) + 1e-3);
}

/** What the row's gradient is made of before its parts cancel. */
function rowScale({ tokens }: ReferenceResult, token: number): number {
  const { coef_logp, coef_entropy, coef_kl } = tokens;
  return [coef_logp, coef_entropy, coef_kl].reduce((sum, coef) => sum + Math.abs(coef[token] as number), 0);
}

describe('drawn batches', () => {
  test(`${BATCHES} seeds reach every loss and option`, () => {
    const coverage = new Coverage();
    for (let seed = 0; seed < BATCHES; seed++) coverage.add(drawBatch(seed).reached);
    expect(coverage.missing(LEAST_PER_OPTION)).toEqual([]);
  });

  test('the same seed draws the same batch', () => {
    expect(drawBatch(17)).toEqual(drawBatch(17));
    expect(drawBatch(17).input.logits).not.toEqual(drawBatch(27).input.logits);
  });

  test('an unreached option is missing from the coverage', () => {
    const coverage = new Coverage();
    coverage.add(['grpo: temperature']);
    expect(coverage.missing(1)).not.toContain('grpo: temperature');
    expect(coverage.missing(1)).toContain('gspo: temperature');
    expect(coverage.missing(2)).toContain('grpo: temperature');
  });
});

describe('gradient of the reference', () => {
  test.each(LOSSES)('%s: matches central differences of its own loss', (loss) => {
    for (const batch of batchesOf(loss, 30, () => true)) {
      expect(worstDifference(batch), batch.input.meta.name).toBeLessThan(1e-6);
    }
  });

  test.each(LOSSES)('%s: matches central differences with a temperature and a soft cap', (loss) => {
    const both = ({ meta }: ReferenceInput) => meta.temperature !== 1 && meta.softcap !== undefined;
    for (const batch of batchesOf(loss, 8, both)) {
      expect(worstDifference(batch), batch.input.meta.name).toBeLessThan(1e-6);
    }
  });

  test.each(LOSSES)('%s: rows sum to zero without a soft cap', (loss) => {
    for (const { input, reference } of batchesOf(loss, 20, ({ meta }) => meta.softcap === undefined)) {
      const { V, temperature } = input.meta;
      for (let start = 0; start < reference.grad.length; start += V) {
        const row = reference.grad.subarray(start, start + V);
        const size = rowScale(reference, start / V) / temperature;
        const sum = row.reduce((partial, slope) => partial + slope, 0);
        expect(Math.abs(sum), input.meta.name).toBeLessThanOrEqual(1e-13 * size);
      }
    }
  });

  test.each(LOSSES)('%s: masked rows have no gradient', (loss) => {
    for (const { input, reference } of batchesOf(loss, 10, ({ mask }) => mask.includes(0))) {
      const { V } = input.meta;
      const masked = reference.grad.filter((_, index) => input.mask[Math.floor(index / V)] === 0);
      expect(masked.every((slope) => slope === 0)).toBe(true);
    }
  });
});
