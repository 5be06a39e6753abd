/** Rows of every length, on one instruction set: ragged ends, blocks of lanes, and more blocks than a kernel has room for. */
import { describe, expect, test } from 'vitest';
import { PolicyLoss } from '../../lib/index.js';
import { type BuiltBatch, type BuiltBatchOptions, buildBatch, EVERY_TERM } from './built-batch.js';
import { thrownBy } from './errors.js';
import { decodeHalf, encodeHalf } from './half.js';
import { describeOn, type InstructionSet } from './instruction-sets.js';
import { fieldsOf, inPlace, oneCall } from './product.js';
import { changed, productCase, tensorOf } from './product-case.js';
import type { Random } from './random.js';
import { evaluateReference } from './reference.js';
import { drawnViolations, type GradientType } from './tolerance.js';

/** Several unrolled steps of the widest lanes, and every residue behind them. */
const WHOLE = 128;
const VOCABULARIES = [...Array(64).keys()].flatMap((residue) => [residue + 1, WHOLE + residue]);

/** Around the sizes of the blocks that sums are flushed in and that are skipped as a whole. */
const LONG = [513, 1100, 4099, 262_700];
const LONGER = process.env.LPREG_TEST_FULL ? [66_000, 262_144, 262_145, 600_001] : [];

const FIXED = { mode: 'fixed', value: 0.01, empty: 'uniform', source: 'current' } as const;

/** What a row is swept for differs between losses and filters. */
const SWEEPS: [string, BuiltBatchOptions][] = [
  ['a min-p filter', EVERY_TERM],
  ['a min-p filter under a soft cap', { ...EVERY_TERM, softcap: 25 }],
  ['a fixed filter', { ...EVERY_TERM, filter: { ...FIXED, on: 'scaled' } }],
  ['a fixed filter on raw logits', { ...EVERY_TERM, temperature: 1.5, filter: { ...FIXED, on: 'raw' } }],
  ['no filter', { extras: { entropy_coef: 0.01 } }],
  ['no filter and no entropy', {}],
];

/** The sampled tokens lie at both ends of the row, where a wrong end would show. */
function endToken(V: number): (token: number) => number {
  return (token) => [V - 1, 0, V >> 1][token % 3] as number;
}

/** Places at the ends of blocks of 128, 256 and 512 elements and of the row, and one whose neighbour blocks have none. */
function places(V: number): number[] {
  const ends = [0, 127, 128, 255, 256, 511, 512, 2053, V >> 1, (V >> 1) + 513, V - 513, V - 1];
  return [...new Set(ends)].filter((v) => v >= 0 && v < V);
}

/** Nearly all tokens far below a few high ones, of which two share the maximum. */
function fillSparse(random: Random, row: Float32Array): void {
  for (let v = 0; v < row.length; v++) row[v] = -18 + random.normal();
  const high = places(row.length);
  for (const v of high) row[v] = random.uniform(-3, -0.5);
  for (let i = 0; i < 2; i++) row[random.pick(high)] = 0;
}

function expectReference(built: BuiltBatch, type: GradientType): void {
  const { B, T, V } = built.input.meta;
  const halved = type === 'f32' ? undefined : encodeHalf(built.input.logits, type);
  const logits = halved === undefined ? built.input.logits : decodeHalf(halved, type as 'bf16' | 'f16');
  const input = { ...built.input, logits };
  const reference = halved === undefined ? built.reference : evaluateReference(input);
  const given = changed(productCase(input), { logits: tensorOf(logits, [B, T, V], type) });
  const result = oneCall(given, { gradient: 'f32' });
  expect(drawnViolations(input, reference, fieldsOf(result))).toEqual([]);
  expect(drawnViolations(input, reference, fieldsOf(inPlace(given)), type)).toEqual([]);
  for (const logProb of result.tokens.logProbs as Float32Array) expect(logProb).toBeLessThanOrEqual(0);
}

/**
 * Fused kernels have counted what lies behind the row, or left its last tokens out
 * (https://github.com/verl-project/verl/issues/2656): log-probabilities then come out above 0.
 */
export function describeRowLengths(set: InstructionSet): void {
  describeOn(set, 'row lengths', () => {
    describe.each(['f32', 'bf16', 'f16'] satisfies GradientType[])('%s logits', (type) => {
      test.each(VOCABULARIES)('vocabulary of %i: result and gradient agree with the reference', (V) => {
        expectReference(buildBatch({ ...EVERY_TERM, V, B: 1, T: 3, seed: V, action: endToken(V) }), type);
      });
    });

    describe.each([...LONG, ...LONGER])('vocabulary of %i', (V) => {
      test.each(SWEEPS)('%s: a few high tokens far apart agree with the reference', (_, options) => {
        const action = () => places(V)[5] as number;
        expectReference(buildBatch({ ...options, V, B: 1, T: 1, action, fillRow: fillSparse }), 'f32');
      });
    });

    test.each(SWEEPS)('%s: a NaN anywhere in a long row is found', (_, options) => {
      const V = 1100;
      const { input } = buildBatch({ ...options, V, B: 1, T: 1, action: () => 0, fillRow: fillSparse });
      const given = productCase(input);
      const policyLoss = new PolicyLoss(given.options);
      for (let at = 1; at < V; at += 7) {
        const logits = tensorOf(input.logits, [1, 1, V]);
        (logits.data as Float32Array)[at] = Number.NaN;
        const error = thrownBy(() => policyLoss.forwardSync({ ...given.batch, logits }, { outputs: [] }));
        expect(error).toMatchObject({ code: 'ERR_NON_FINITE_LOGITS', index: 0 });
      }
    });
  });
}
