/** Values that fast-check draws, and shrinks, in batches of every loss and option: against the float64 reference. */
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { setThreads } from '../lib/index.js';
import { drawMeta } from './support/draw/meta.js';
import { drawTensors } from './support/draw/tensors.js';
import { isUsable, LOSSES } from './support/draw.js';
import { checkProperty } from './support/properties.js';
import { Random } from './support/random.js';
import { evaluateAs, FORM_NAMES, violationsOf } from './support/random-suite.js';
import type { ReferenceInput } from './support/reference/case.js';
import { evaluateReference, type ReferenceResult } from './support/reference.js';
import type { Violation } from './support/tolerance.js';

/** Probabilities below 2^-125.5 count as 0; coefficients are far below 32. */
const NEGLIGIBLE = 2 ** -120;

/** Each array replaces the first elements of an input that is otherwise drawn from the seed. */
const drawn = fc.record({
  seed: fc.nat(2 ** 30),
  loss: fc.constantFrom(...LOSSES),
  shape: fc.record({
    B: fc.integer({ min: 1, max: 3 }),
    T: fc.integer({ min: 1, max: 4 }),
    V: fc.integer({ min: 2, max: 40 }),
  }),
  logits: fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.float({ min: -30, max: 30, noNaN: true }) },
      { weight: 2, arbitrary: fc.constantFrom(0, -0, 1e-45, -1e-39, 4, 88, -104, 1e4, -1e4, -1e30) },
      { weight: 1, arbitrary: fc.constant(-Infinity) },
    ),
    { maxLength: 120 },
  ),
  advantages: fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { maxLength: 12 }),
  oldLogp: fc.array(fc.float({ min: -12, max: 0, noNaN: true }), { maxLength: 12 }),
  // In parts, log-probs are rounded to float32 on their way: of those near -100 too coarsely for these bounds.
  form: fc.constantFrom(...FORM_NAMES.filter((name) => name !== 'inParts')),
  threads: fc.integer({ min: 1, max: 4 }),
});

function replaceFirst(
  input: ReferenceInput,
  values: Pick<ReferenceInput, 'oldLogp' | 'advantages'>,
  V: number,
  logits: Float32Array,
): void {
  for (const [token, bit] of input.mask.entries()) {
    if (bit === 0) continue;
    if (token < values.oldLogp.length) input.oldLogp[token] = values.oldLogp[token] as number;
    if (token < values.advantages.length) input.advantages[token] = values.advantages[token] as number;
    input.logits.set(logits.subarray(token * V, token * V + V), token * V);
  }
}

/** A sampled token at -inf is an error, and whether the proxy is above p by less than an ulp is a matter of rounding. */
function decidesClearly({ tokens }: ReferenceResult): boolean {
  const isClear = (mass: number) => mass === 0 || mass < -1e-12;
  return tokens.logp.every(Number.isFinite) && (tokens.log_kept_mass?.every(isClear) ?? true);
}

function isViolation(found: unknown): found is Violation {
  return typeof found === 'object';
}

afterAll(() => setThreads(0));

test('drawn values agree with the reference', async () => {
  const property = fc.property(drawn, ({ seed, loss, shape, form, threads, ...values }) => {
    const random = new Random(seed);
    const meta = { ...drawMeta(random, loss, `${loss} ${seed}`), ...shape, logits_copy: null };
    const input = drawTensors(random, meta);
    replaceFirst(
      input,
      { oldLogp: Float32Array.from(values.oldLogp), advantages: Float32Array.from(values.advantages) },
      shape.V,
      Float32Array.from(values.logits),
    );
    const reference = evaluateReference(input);
    fc.pre(isUsable(reference) && decidesClearly(reference));
    const result = evaluateAs({ form, threads, logits: 'f32', gradient: 'f32' }, input);
    const violations = violationsOf({ input, reference }, result, 'f32');
    expect(violations.filter((found) => !(isViolation(found) && found.error < NEGLIGIBLE))).toEqual([]);
  });
  await checkProperty('drawn values', property, { runs: 1000 });
});
