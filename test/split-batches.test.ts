/**
 * Parts of a batch, each told the counts and thresholds of the whole, add up to it: gradient accumulation, data
 * parallelism, and sequences that go on in another call.
 */
import { describe, expect, test } from 'vitest';
import type { PolicyLossBatch } from '../lib/index.js';
import { sameBits } from './support/bits.js';
import { AGGREGATIONS } from './support/draw/meta.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { type Evaluation, numbersOf, oneCall, twoCalls } from './support/product.js';
import { changed, type ProductCase, productCase } from './support/product-case.js';
import type { Aggregation, LossName, ReferenceInput } from './support/reference/case.js';
import { type Part, splitPositions, splitSequences } from './support/split-batch.js';
import { givenDivisorAllowance, lossOrderAllowance, type SummedTokens } from './support/tolerance.js';

/** Losses whose tokens depend on the batch through counts alone, where thresholds are given. */
const LOCAL: LossName[] = ['grpo', 'cispo', 'sapo', 'lp-reg-kept', 'lp-reg-paper'];

function isSplittable({ meta, mask }: ReferenceInput): boolean {
  if (meta.B < 2 || meta.T < 2 || !mask.includes(1)) return false;
  return meta.loss !== 'lp-reg-paper' || meta.hyper.prob_threshold !== undefined;
}

function validPerSequence({ mask, meta }: ReferenceInput): number[] {
  return Array.from({ length: meta.B }, (_, b) =>
    mask.subarray(b * meta.T, b * meta.T + meta.T).reduce((n, bit) => n + bit, 0),
  );
}

/** What the aggregation divides by, counted over the whole batch. */
function divisors(input: ReferenceInput, aggregation: Aggregation): Partial<PolicyLossBatch> {
  const lengths = validPerSequence(input);
  switch (aggregation) {
    case 'token-mean':
      return { tokenCount: lengths.reduce((sum, length) => sum + length, 0) };
    case 'seq-mean-token-sum':
      return { sequenceCount: input.meta.B };
    case 'seq-mean-token-mean':
      return { sequenceCount: input.meta.B, sequenceLengths: lengths.map((length) => Math.max(1, length)) };
    case 'seq-mean-token-sum-norm':
      return { maxLength: input.meta.T };
  }
}

const NOTHING_GIVEN = {
  tokenCount: undefined,
  sequenceCount: undefined,
  sequenceLengths: undefined,
  maxLength: undefined,
};

/** The divisors of one part: those of the whole, and the lengths of its own sequences. */
function divisorsOfPart(
  given: Partial<PolicyLossBatch>,
  { tokens }: Part,
  T: number,
): Partial<PolicyLossBatch> {
  const { sequenceLengths } = given;
  if (sequenceLengths === undefined) return given;
  const sequences = [...new Set(tokens.map((token) => Math.floor(token / T)))];
  return { ...given, sequenceLengths: sequences.map((b) => (sequenceLengths as number[])[b] as number) };
}

function expectToAddUp(
  whole: Evaluation,
  parts: readonly Part[],
  evaluated: readonly Evaluation[],
  V: number,
): void {
  const gradient = numbersOf(whole.gradient);
  parts.forEach(({ tokens }, i) => {
    const part = evaluated[i] as Evaluation;
    for (const [field, values] of Object.entries(part.tokens)) {
      const expected = Array.from(tokens, (token) => whole.tokens[field]?.[token]);
      expect(Array.from(values), field).toEqual(expected);
    }
    const rows = numbersOf(part.gradient);
    tokens.forEach((token, row) => {
      const expected = gradient.slice(token * V, token * V + V);
      expect(sameBits(rows.slice(row * V, row * V + V), expected)).toBe(true);
    });
  });
  const sum = evaluated.reduce((total, { loss }) => total + loss, 0);
  expect(Math.abs(sum - whole.loss)).toBeLessThanOrEqual(
    lossOrderAllowance(whole.tokens as unknown as SummedTokens),
  );
}

function expectParts(input: ReferenceInput, given: ProductCase, counts: Partial<PolicyLossBatch>): void {
  const whole = twoCalls(changed(given, counts));
  for (const split of [splitSequences, splitPositions]) {
    const parts = split(given);
    const evaluated = parts.map((part) =>
      oneCall(changed(part.given, divisorsOfPart(counts, part, input.meta.T))),
    );
    expectToAddUp(whole, parts, evaluated, input.meta.V);
  }
}

describe.each(LOCAL)('%s', (loss) => {
  test.each(AGGREGATIONS)('%s: parts with the divisors of the whole add up to it', (aggregation) => {
    for (const { input } of drawnBatches(loss, 6, isSplittable)) {
      const given = changed(productCase(input), NOTHING_GIVEN, { aggregation });
      const counts = divisors(input, aggregation);
      expectParts(input, given, counts);
      // Counted divisors carry an epsilon that given ones do not.
      const [counted, exact] = [twoCalls(given), twoCalls(changed(given, counts))];
      const allowed = givenDivisorAllowance(exact.tokens as unknown as SummedTokens);
      expect(Math.abs(counted.loss - exact.loss)).toBeLessThanOrEqual(allowed);
    }
  });
});

test.each(['lower', 'linear'] as const)(
  'lp-reg-paper: parts with the threshold that the whole has found (%s) add up to it',
  (interpolation) => {
    const accept = (input: ReferenceInput) =>
      input.meta.B > 1 &&
      input.meta.T > 1 &&
      input.mask.includes(1) &&
      input.meta.hyper.prob_threshold === undefined;
    let selected = 0;
    for (const { input } of drawnBatches('lp-reg-paper', 12, accept)) {
      const given = changed(productCase(input), NOTHING_GIVEN, { aggregation: 'token-mean', interpolation });
      const whole = twoCalls(changed(given, divisors(input, 'token-mean')));
      const probThreshold = whole.metrics.probThreshold as number;
      const counts = { ...divisors(input, 'token-mean'), probThreshold };
      for (const split of [splitSequences, splitPositions]) {
        const parts = split(given);
        expectToAddUp(
          whole,
          parts,
          parts.map((part) => oneCall(changed(part.given, counts))),
          input.meta.V,
        );
      }
      selected += whole.metrics.selectedCount as number;
    }
    expect(selected).toBeGreaterThan(0);
  },
);

test('every loss is either split here or looks across the whole batch', () => {
  const crossing = ['gspo', 'kl-cov', 'clip-cov', '80-20', 'lp-reg-reference'];
  expect([...LOCAL, ...crossing].sort()).toEqual([...LOSSES].sort());
});
