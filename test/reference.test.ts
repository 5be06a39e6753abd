import { describe, expect, test } from 'vitest';
import { evaluateReference, type ReferenceResult } from './support/reference.js';
import { type ExpectedArray, readVector, vectorNames } from './support/vectors.js';

const NAMES = vectorNames();

/** Relative to the field's largest finite value: float64 sums in another order, or one float32 rounding of a stored field. */
const FLOAT64_RELATIVE = 1e-11;
/** Where every value is 0 but for cancellation (K holds the sampled token alone). */
const FLOAT64_ABSOLUTE = 2 ** -50;
const FLOAT32_RELATIVE = 2 ** -24 + FLOAT64_RELATIVE;

function actualField(result: ReferenceResult, field: string): ArrayLike<number> {
  if (field === 'loss') return [result.loss];
  if (field === 'grad') return result.grad;
  const array = result.tokens[field as keyof ReferenceResult['tokens']];
  if (array === undefined) throw new Error(`the reference has no field ${field}`);
  return array;
}

function largestMagnitude(values: ExpectedArray): number {
  let largest = 0;
  for (const value of values) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  return largest;
}

/** Index, expected and actual value of the first element that differs by more than the field's tolerance. */
function firstDifference(actual: ArrayLike<number>, expected: ExpectedArray): string | undefined {
  if (actual.length !== expected.length) return `length ${actual.length}, expected ${expected.length}`;
  const discrete = expected instanceof Uint8Array || expected instanceof Int32Array;
  const relative = expected instanceof Float32Array ? FLOAT32_RELATIVE : FLOAT64_RELATIVE;
  const tolerance = discrete ? 0 : FLOAT64_ABSOLUTE + relative * largestMagnitude(expected);
  for (let i = 0; i < expected.length; i++) {
    const [got, want] = [actual[i] as number, expected[i] as number];
    if (got !== want && !(Math.abs(got - want) <= tolerance)) return `[${i}] is ${got}, expected ${want}`;
  }
  return undefined;
}

describe('float64 reference', () => {
  test('all 44 golden vectors are present', () => {
    expect(NAMES).toHaveLength(44);
  });

  test.each(NAMES)('%s: every expected field is reproduced', (name) => {
    const vector = readVector(name);
    const result = evaluateReference(vector);
    const differences: Record<string, string> = {};
    for (const [field, expected] of Object.entries(vector.expected)) {
      const difference = firstDifference(actualField(result, field), expected);
      if (difference !== undefined) differences[field] = difference;
    }
    expect(differences).toEqual({});
  });
});
