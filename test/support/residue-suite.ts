/**
 * Every length of the ragged end of a row. Fused kernels have counted what lies behind the row, or left its last tokens
 * out (https://github.com/verl-project/verl/issues/2656): log-probabilities then come out above 0.
 */
import { describe, expect, test } from 'vitest';
import { buildBatch, EVERY_TERM } from './built-batch.js';
import { decodeHalf, encodeHalf } from './half.js';
import { describeOn, type InstructionSet } from './instruction-sets.js';
import { fieldsOf, inPlace, oneCall } from './product.js';
import { productCase, tensorOf } from './product-case.js';
import { evaluateReference } from './reference.js';
import { drawnViolations, type GradientType } from './tolerance.js';

/** Several unrolled steps of the widest lanes, and every residue behind them. */
const WHOLE = 128;
const VOCABULARIES = [...Array(64).keys()].flatMap((residue) => [residue + 1, WHOLE + residue]);

/** The sampled tokens lie at both ends of the row, where a wrong end would show. */
function endToken(V: number): (token: number) => number {
  return (token) => [V - 1, 0, V >> 1][token % 3] as number;
}

export function describeVocabularyResidues(set: InstructionSet): void {
  describeOn(set, 'vocabularies of every residue', () => {
    describe.each(['f32', 'bf16', 'f16'] satisfies GradientType[])('%s logits', (type) => {
      test.each(VOCABULARIES)('vocabulary of %i: result and gradient agree with the reference', (V) => {
        const built = buildBatch({ ...EVERY_TERM, V, B: 1, T: 3, seed: V, action: endToken(V) });
        const logits =
          type === 'f32' ? built.input.logits : decodeHalf(encodeHalf(built.input.logits, type), type);
        const input = { ...built.input, logits };
        const reference = evaluateReference(input);
        const given = productCase(input);
        given.batch = { ...given.batch, logits: tensorOf(logits, [1, 3, V], type) };
        const result = oneCall(given, { gradient: 'f32' });
        expect(drawnViolations(input, reference, fieldsOf(result))).toEqual([]);
        expect(drawnViolations(input, reference, fieldsOf(inPlace(given)), type)).toEqual([]);
        for (const logProb of result.tokens.logProbs as Float32Array) expect(logProb).toBeLessThanOrEqual(0);
      });
    });
  });
}
