/** `kappa = 0` keeps every finite token and `kappa = 1` every exact maximiser, both without rounding. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type TokenField, type TokenStats, tokenStatsSync } from '../lib/index.js';
import { tensorOf } from './support/product-case.js';
import { besideOneAllowance } from './support/tolerance.js';

const logit = fc.oneof(
  { weight: 8, arbitrary: fc.float({ min: -30, max: 30, noNaN: true }) },
  { weight: 1, arbitrary: fc.constant(-Infinity) },
  { weight: 2, arbitrary: fc.constantFrom(0, 4, 29.5) },
);
const row = fc
  .array(logit, { minLength: 1, maxLength: 200 })
  .filter((values) => Math.max(...values) > -Infinity);
const options = fc.record({
  temperature: fc.constantFrom(1, 0.3, 2.5),
  on: fc.constantFrom('scaled' as const, 'raw' as const),
});

type Kept = TokenStats<TokenField>['tokens'];

function filtered(
  values: number[],
  kappa: number,
  { temperature, on }: { temperature: number; on: 'scaled' | 'raw' },
) {
  const { tokens } = tokenStatsSync(
    {
      logits: tensorOf(values, [1, values.length]),
      actions: Int32Array.of(values.indexOf(Math.max(...values))),
    },
    { temperature, filter: { kind: 'min-p', kappa, on } },
  );
  return tokens as Required<Kept>;
}

function expectNear(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(besideOneAllowance(expected));
}

test('kappa 0: every finite token is kept, log Z and KL are exactly 0', () => {
  fc.assert(
    fc.property(row, options, (values, settings) => {
      const { keepCount, logKeptMass, kl, proxyLogProbs, logProbs } = filtered(values, 0, settings);
      expect(keepCount[0]).toBe(values.filter((value) => value > -Infinity).length);
      expect(logKeptMass[0]).toBe(0);
      expect(kl[0]).toBe(0);
      expect(proxyLogProbs[0]).toBe(logProbs[0]);
    }),
  );
});

test('kappa 1: the exact maximisers are kept, and share the proxy', () => {
  fc.assert(
    fc.property(row, options, (values, settings) => {
      const { keepCount, logKeptMass, proxyLogProbs, logProbs } = filtered(values, 1, settings);
      const top = Math.max(...values);
      const maximisers = values.filter((value) => value === top).length;
      expect(keepCount[0]).toBe(maximisers);
      const logMass = Math.min(0, (logProbs[0] as number) + Math.log(maximisers));
      expectNear(logKeptMass[0] as number, logMass);
      expectNear(proxyLogProbs[0] as number, -Math.log(maximisers));
    }),
  );
});
