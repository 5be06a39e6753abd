/** A contender that computes something else must not be timed. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const module = new URL('../bench/peers/verify.mjs', import.meta.url).href;
const { differenceFrom, gradientError } = await import(module);

const folder = mkdtempSync(join(tmpdir(), 'peers-'));
afterAll(() => rmSync(folder, { recursive: true }));

const expected = Float32Array.of(0.5, -0.5, 0.1, -0.1);
const files = (actual: Float32Array) => {
  const paths = { actual: join(folder, 'actual'), expected: join(folder, 'expected') };
  writeFileSync(paths.actual, actual);
  writeFileSync(paths.expected, expected);
  return paths;
};

describe('check of a contender', () => {
  it('the same loss and gradient: nothing is wrong', () => {
    expect(differenceFrom({ loss: 1 }, { loss: 1 }, files(expected), 2)).toBeUndefined();
  });

  it('float32 noise: nothing is wrong', () => {
    const noisy = expected.map((value) => value * (1 + 1e-5));
    expect(differenceFrom({ loss: 1 }, { loss: 1.00001 }, files(noisy), 2)).toBeUndefined();
  });

  it('another loss is told', () => {
    expect(differenceFrom({ loss: 1 }, { loss: 1.01 }, undefined, 2)).toMatch(/loss 1.01, ours 1/);
  });

  it('a gradient that lacks one row is told', () => {
    expect(differenceFrom({ loss: 1 }, { loss: 1 }, files(Float32Array.of(0.5, -0.5, 0, 0)), 2)).toMatch(
      /gradient is off/,
    );
  });

  it('NaN in loss or gradient is told', () => {
    expect(differenceFrom({ loss: 1 }, { loss: Number.NaN }, undefined, 2)).toMatch(/loss NaN/);
    expect(gradientError(Float32Array.of(Number.NaN, 0, 0, 0), expected, 2)).toBe(Number.POSITIVE_INFINITY);
    expect(
      differenceFrom({ loss: 1 }, { loss: 1 }, files(Float32Array.of(Number.NaN, -0.5, 0.1, -0.1)), 2),
    ).toMatch(/gradient is off/);
  });
});
