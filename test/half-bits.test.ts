import { describe, expect, test } from 'vitest';
import { decodeHalf, encodeHalf, type HalfType, halfRounding } from './support/half.js';
import { Random } from './support/random.js';
import { readVector } from './support/vectors.js';

const ALL_BITS = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);

describe.each<HalfType>(['bf16', 'f16'])('%s bits of the test tools', (type) => {
  test('every number survives decoding and encoding', () => {
    const numbers = ALL_BITS.filter((bits) => !Number.isNaN(decodeHalf(Uint16Array.of(bits), type)[0]));
    expect(encodeHalf(decodeHalf(numbers, type), type)).toEqual(numbers);
  });

  test('a NaN stays a NaN', () => {
    expect(decodeHalf(encodeHalf([Number.NaN], type), type)[0]).toBeNaN();
  });

  test('a number halfway between two goes to the even one', () => {
    const spacing = 2 * halfRounding(1, type);
    const halfway = [1 + spacing / 2, 1 + (3 * spacing) / 2];
    expect([...decodeHalf(encodeHalf(halfway, type), type)]).toEqual([1, 1 + 2 * spacing]);
  });

  test('one rounding moves a number by at most halfRounding', () => {
    const random = new Random(1);
    const values = Float32Array.from(
      { length: 10_000 },
      () => random.normal() * 2 ** random.integer(-20, 10),
    );
    const rounded = decodeHalf(encodeHalf(values, type), type);
    const off = values.filter(
      (value, i) => Math.abs((rounded[i] as number) - value) > halfRounding(Math.abs(value), type),
    );
    expect(off).toHaveLength(0);
  });
});

test.each([
  ['16_paper_linear_bf16', 'bf16'],
  ['18_paper_f16_32003', 'f16'],
] as const)('%s: the copy holds the values of the float32 logits', (name, type) => {
  const { logits, logits16 } = readVector(name);
  expect(decodeHalf(logits16 as Uint16Array, type)).toEqual(logits);
});
