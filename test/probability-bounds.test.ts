/** No log-probability and no kept mass is ever above 0, at any logits: rounding must not lift them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Filter, tokenStatsSync } from '../lib/index.js';
import type { HalfType } from './support/half.js';
import { tensorOf } from './support/product-case.js';
import type { GradientType } from './support/tolerance.js';

const logit = fc.oneof(
  { weight: 4, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 6, arbitrary: fc.float({ min: -20, max: 20, noNaN: true }) },
  { weight: 2, arbitrary: fc.constantFrom(0, -0, 1e-45, 3e4, -3e4, 88, -104) },
  { weight: 1, arbitrary: fc.constant(-Infinity) },
);
const row = fc.array(logit, { minLength: 1, maxLength: 150 });
const filter: fc.Arbitrary<Filter> = fc.oneof(
  fc.record({ kind: fc.constant('min-p' as const), kappa: fc.constantFrom(0, 1e-6, 0.02, 0.5, 1) }),
  fc.record({
    kind: fc.constant('fixed' as const),
    tau: fc.constantFrom(1e-6, 0.02, 0.5, 1),
    empty: fc.constantFrom('argmax' as const, 'uniform' as const),
    on: fc.constantFrom('scaled' as const, 'raw' as const),
  }),
);
const settings = fc.record({
  filter,
  temperature: fc.constantFrom(1, 0.01, 0.7, 100),
  softcap: fc.constantFrom(undefined, 30, 0.5),
});

/** float16 has no larger numbers. */
function representable(values: number[], type: GradientType): number[] {
  return type === 'f16'
    ? values.map((value) => Math.max(Math.min(value, 65000), value === -Infinity ? value : -65000))
    : values.map((value) => Math.max(Math.min(value, 3e38), value === -Infinity ? value : -3e38));
}

test.each(['f32', 'bf16', 'f16'] satisfies (HalfType | 'f32')[])(
  '%s: log-probabilities, kept masses and proxies are at most 0, entropies and KLs at least',
  (type) => {
    fc.assert(
      fc.property(row, fc.nat(), settings, (drawn, pick, options) => {
        const values = representable(drawn, type);
        const finite = values.map((_, v) => v).filter((v) => (values[v] as number) > -Infinity);
        fc.pre(finite.length > 0);
        const action = finite[pick % finite.length] as number;
        const { tokens } = tokenStatsSync(
          { logits: tensorOf(values, [1, values.length], type), actions: Int32Array.of(action) },
          // A uniform proxy over tokens without probability has an infinite KL, which is an error by default.
          { ...options, nonFinite: 'propagate' },
        );
        const { logProbs, logKeptMass, proxyLogProbs, entropy, kl, keepCount, logSumExp } =
          tokens as Required<typeof tokens>;
        expect(logProbs[0]).toBeLessThanOrEqual(0);
        expect(logKeptMass?.[0]).toBeLessThanOrEqual(0);
        expect(proxyLogProbs?.[0]).toBeLessThanOrEqual(0);
        expect(entropy[0]).toBeGreaterThanOrEqual(0);
        expect(kl?.[0]).toBeGreaterThanOrEqual(0);
        expect(keepCount?.[0]).toBeGreaterThanOrEqual(1);
        expect(logSumExp[0]).not.toBeNaN();
      }),
      { numRuns: 300 },
    );
  },
);
