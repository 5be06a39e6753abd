import { describe, expect, test } from 'vitest';
import { type DrawnBatch, drawBatch } from './support/draw.js';
import { decodeHalf, encodeHalf } from './support/half.js';
import type { ReferenceResult } from './support/reference.js';
import { type ActualFields, drawnViolations, float32Ulp, vectorViolations } from './support/tolerance.js';
import { type ReferenceCase, readVector, vectorNames } from './support/vectors.js';

const LARGE_VOCABULARY = '16_paper_linear_bf16';

/** Replaces one element of one field. */
function withElement(fields: ActualFields, field: string, index: number, value: number): ActualFields {
  const changed = Array.from(fields[field] as ArrayLike<number>);
  changed[index] = value;
  return { ...fields, [field]: changed };
}

function fieldsOf({ tokens, loss, grad }: ReferenceResult): ActualFields {
  return { ...tokens, loss: [loss], grad };
}

function asFloat32(fields: ActualFields): ActualFields {
  const rounded = Object.entries(fields).map(([field, values]) => [
    field,
    values instanceof Float64Array ? Float32Array.from(values) : values,
  ]);
  return Object.fromEntries(rounded);
}

function largestIndex(values: ArrayLike<number>): number {
  const sizes = Array.from(values, (value) => (Number.isFinite(value) ? Math.abs(value) : 0));
  return sizes.indexOf(sizes.reduce((largest, size) => Math.max(largest, size), 0));
}

describe('tolerance of golden vectors', () => {
  test.each(vectorNames())('%s: expected values rounded to float32 are within it', (name) => {
    const vector = readVector(name);
    expect(vectorViolations(vector, asFloat32(vector.expected))).toEqual([]);
  });

  const small: ReferenceCase = readVector('10_ref_minp_current');

  test.each(Object.keys(small.expected))('%s: an error of 1e-4 of the largest value is named', (field) => {
    const index = largestIndex(small.expected[field] as ArrayLike<number>);
    const value = small.expected[field]?.[index] as number;
    const violations = vectorViolations(
      small,
      withElement(small.expected, field, index, value * 1.0001 + 1e-6),
    );
    expect(violations.map(({ field, index }) => ({ field, index }))).toEqual([{ field, index }]);
  });

  test('an expected field that is absent is named', () => {
    const { kl: _, ...rest } = small.expected;
    expect(vectorViolations(small, rest)).toMatchObject([{ field: 'kl', index: -1 }]);
  });

  test('a NaN and a finite value in place of an infinity are named', () => {
    const infinite = (small.expected.proxy_logp as Float64Array).indexOf(-Infinity);
    const finite = vectorViolations(small, withElement(small.expected, 'proxy_logp', infinite, -1e4));
    expect(finite).toMatchObject([{ field: 'proxy_logp', error: Infinity }]);
    const poisoned = vectorViolations(small, withElement(small.expected, 'logp', 0, Number.NaN));
    expect(poisoned).toMatchObject([{ field: 'logp', index: 0, error: Infinity }]);
  });

  test('from a vocabulary of 4099 on, an error as large as that of PyTorch is too much', () => {
    const vector = readVector(LARGE_VOCABULARY);
    const torch = vector.meta.f32_torch_error.logp_abs as number;
    const first = vector.expected.logp?.[0] as number;
    const equal = vectorViolations(vector, withElement(vector.expected, 'logp', 0, first + 1.01 * torch));
    expect(equal).toMatchObject([{ field: 'logp (better than torch)' }]);
    const smaller = vectorViolations(vector, withElement(vector.expected, 'logp', 0, first + 0.99 * torch));
    expect(smaller).toEqual([]);
  });

  test.each(['bf16', 'f16'] as const)(
    'a gradient stored as %s may be off by one rounding, no more',
    (type) => {
      const vector = readVector(LARGE_VOCABULARY);
      const grad = vector.expected.grad as Float32Array;
      const stored = { ...vector.expected, grad: decodeHalf(encodeHalf(grad, type), type) };
      expect(vectorViolations(vector, stored, type)).toEqual([]);
      expect(vectorViolations(vector, stored, 'f32')).not.toEqual([]);
      const index = largestIndex(grad);
      const twice = (grad[index] as number) * (1 + (type === 'bf16' ? 2 ** -7 : 2 ** -10));
      expect(vectorViolations(vector, withElement(stored, 'grad', index, twice), type)).not.toEqual([]);
    },
  );
});

describe('tolerance of drawn batches', () => {
  const batches: DrawnBatch[] = Array.from({ length: 200 }, (_, seed) => drawBatch(seed));

  test('a result rounded to float32 is within it', () => {
    for (const { input, reference } of batches) {
      expect(drawnViolations(input, reference, asFloat32(fieldsOf(reference))), input.meta.name).toEqual([]);
    }
  });

  test('a gradient element that is off by 1e-2 of its size is named', () => {
    for (const { input, reference } of batches) {
      const index = largestIndex(reference.grad);
      const moved = (reference.grad[index] as number) * 1.01;
      if (moved === 0) continue;
      const fields = withElement(fieldsOf(reference), 'grad', index, moved);
      expect(drawnViolations(input, reference, fields), input.meta.name).toMatchObject([
        { field: 'grad', index },
      ]);
    }
  });

  test('a decision that differs is named', () => {
    for (const { input, reference } of batches) {
      const flipped = withElement(
        fieldsOf(reference),
        'selected',
        0,
        1 - (reference.tokens.selected[0] as number),
      );
      expect(drawnViolations(input, reference, flipped)).toMatchObject([{ field: 'selected', index: 0 }]);
    }
  });
});

test.each([
  [1, 2 ** -23],
  [1.9, 2 ** -23],
  [0.5, 2 ** -24],
  [0, 2 ** -149],
])('float32 ulp of %d is %d', (magnitude, ulp) => {
  expect(float32Ulp(magnitude)).toBe(ulp);
});
