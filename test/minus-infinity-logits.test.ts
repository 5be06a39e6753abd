/** Tokens masked with `-Infinity` have no probability, no entropy and no gradient, wherever they lie in a row. */
import { describe, expect, test } from 'vitest';
import { PolicyLoss } from '../lib/index.js';
import { buildBatch, EVERY_TERM, onlyOpen } from './support/built-batch.js';
import { thrownBy } from './support/errors.js';
import { fieldsOf, numbersOf, oneCall } from './support/product.js';
import { productCase } from './support/product-case.js';
import { drawnViolations } from './support/tolerance.js';

// https://github.com/Dao-AILab/flash-attention/issues/1930
describe('lesson 1: parts of a row that hold nothing but -Infinity weigh nothing', () => {
  const OPEN: [string, (v: number, V: number) => boolean][] = [
    ['all but the last element', (v, V) => v === V - 1],
    ['all but the first element', (v) => v === 0],
    ['the first half', (v, V) => v >= V / 2],
    ['the second half', (v, V) => v < V / 2],
    ['every other run of 64', (v) => Math.floor(v / 64) % 2 === 1],
    ['all but one in the middle', (v, V) => v === V >> 1],
  ];

  test.each(OPEN)('-Infinity in %s: value and gradient agree with the reference', (_, open) => {
    for (const V of [65, 1000, 4099]) {
      const fillRow = onlyOpen(open);
      const action = (token: number, row: Float32Array) => {
        const finite = [...row.keys()].filter((v) => (row[v] as number) > -Infinity);
        return finite[token % finite.length] as number;
      };
      const { input, reference } = buildBatch({ ...EVERY_TERM, V, B: 1, T: 2, fillRow, action });
      expect(drawnViolations(input, reference, fieldsOf(oneCall(productCase(input))))).toEqual([]);
    }
  });

  test('a sampled token at -Infinity is an error, not a NaN', () => {
    const { input } = buildBatch({ V: 100, fillRow: onlyOpen((v) => v !== 99), action: () => 5 });
    const given = productCase({ ...input, actions: input.actions.map(() => 99) });
    const error = thrownBy(() => new PolicyLoss(given.options).forwardSync(given.batch));
    expect(error).toMatchObject({ code: 'ERR_NON_FINITE_LOGITS', argument: 'logits', index: 0 });
  });
});

// https://github.com/huggingface/trl/pull/7263, https://github.com/NovaSky-AI/SkyRL/pull/2259
test('lesson 2: tokens without probability add 0 to the entropy and have gradient 0, bonus or not', () => {
  const { input, reference } = buildBatch({
    V: 130,
    extras: { entropy_coef: 0.5 },
    fillRow: onlyOpen((v) => v % 3 === 0),
    action: () => 33,
  });
  const result = oneCall(productCase(input));
  expect(drawnViolations(input, reference, fieldsOf(result))).toEqual([]);
  numbersOf(result.gradient).forEach((slope, i) => {
    if (input.logits[i] === -Infinity) expect(Math.abs(slope)).toBe(0);
  });
  expect(reference.tokens.entropy.some((entropy) => entropy > 1)).toBe(true);
});
