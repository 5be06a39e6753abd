/** Clip-Cov without `chosen` draws the tokens that it zeroes: from the candidates, as many as asked, by the seed alone. */
import { afterAll, expect, test } from 'vitest';
import { setThreads } from '../lib/index.js';
import { drawnBatches } from './support/drawn-cases.js';
import { type Evaluation, inPlace, oneCall, twoCalls } from './support/product.js';
import { changed, type ProductCase, productCase } from './support/product-case.js';
import { inParts } from './support/product-parts.js';

const RATIO = 0.3;

const cases = drawnBatches(
  'clip-cov',
  12,
  ({ meta, mask }) => meta.V < 200 && mask.filter((bit) => bit).length > 9,
).map(
  ({ input }): ProductCase =>
    changed(productCase(input), { chosen: undefined }, { covLow: -9, covHigh: 9, clipCovRatio: RATIO }),
);

function zeroed({ tokens }: Evaluation): number[] {
  return [...(tokens.selected as Uint8Array).entries()].flatMap(([token, flag]) => (flag ? [token] : []));
}

afterAll(() => setThreads(0));

test('the zeroed tokens are candidates, and as many as the ratio says', () => {
  for (const given of cases) {
    const { tokens, metrics, ...rest } = oneCall(given);
    const drawn = zeroed({ tokens, metrics, ...rest });
    const candidates = (tokens.candidate as Uint8Array).reduce((n, flag) => n + flag, 0);
    const wanted = Math.max(1, Math.trunc(RATIO * (metrics.validCount as number)));
    expect(drawn.length).toBe(Math.min(candidates, wanted));
    expect(drawn.every((token) => tokens.candidate?.[token] === 1)).toBe(true);
    for (const token of drawn) expect(tokens.tokenLoss?.[token]).toBe(0);
  }
});

test('the same seed draws the same tokens, in every form and with any number of threads', () => {
  for (const given of cases) {
    const drawn = zeroed(oneCall(given));
    for (const threads of [1, 3]) {
      setThreads(threads);
      for (const evaluate of [oneCall, twoCalls, inPlace]) expect(zeroed(evaluate(given))).toEqual(drawn);
      expect(zeroed(inParts(given))).toEqual(drawn);
    }
  }
});

test('another seed draws other tokens, all candidates alike in the long run', () => {
  const [given] = cases as [ProductCase];
  const seeds = 400;
  const counts = new Map<number, number>();
  for (let seed = 0; seed < seeds; seed++) {
    for (const token of zeroed(oneCall(changed(given, {}, { seed })))) {
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
  }
  const result = oneCall(given);
  const candidates = (result.tokens.candidate as Uint8Array).reduce((n, flag) => n + flag, 0);
  expect(counts.size).toBe(candidates);
  const expected = (seeds * zeroed(result).length) / candidates;
  for (const count of counts.values()) {
    expect(count).toBeGreaterThan(expected / 2);
    expect(count).toBeLessThan(expected * 2);
  }
});
