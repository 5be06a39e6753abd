/** The fit by which scaling runs are judged must see what is not linear. */
import { describe, expect, it } from 'vitest';

type Points = [size: number, time: number][];
// Not a literal: bench/ is plain JavaScript without declarations.
const module = new URL('../bench/fit.mjs', import.meta.url).href;
const { decadeSlopes, fitLine } = await import(module);

const sizes = Array.from({ length: 14 }, (_, power) => 2 ** power);
const points = (time: (size: number) => number): Points => sizes.map((size) => [size, time(size)]);

describe('fit of times by size', () => {
  it('a fixed cost and a cost per unit: both are found', () => {
    const { overhead, perUnit, r2 } = fitLine(points((size) => 50 + 3 * size));
    expect(overhead).toBeCloseTo(50, 6);
    expect(perUnit).toBeCloseTo(3, 9);
    expect(r2).toBeCloseTo(1, 12);
  });

  it('quadratic growth: R² falls short of what is asked for', () => {
    expect(fitLine(points((size) => size ** 2)).r2).toBeLessThan(0.99);
  });

  it('less than nothing at size 0: the fixed cost is 0, not negative', () => {
    expect(fitLine(points((size) => Math.max(3 * size - 2, 0.5))).overhead).toBe(0);
  });

  it('linear growth: the slope is 1 in every decade, with the fixed cost taken off', () => {
    const slopes = decadeSlopes(
      points((size) => 5 + 10 * size),
      5,
    );
    expect(slopes.length).toBe(4);
    for (const { slope } of slopes) expect(slope).toBeCloseTo(1, 9);
  });

  it('growth by the square root: the slope is a half', () => {
    for (const { slope } of decadeSlopes(points(Math.sqrt))) expect(slope).toBeCloseTo(0.5, 9);
  });

  it('the fixed cost is most of the time: no slope is claimed', () => {
    const [first, ...others] = decadeSlopes(
      points((size) => 20 + size),
      20,
    );
    expect(first.slope).toBeNull();
    expect(others.at(-1).slope).toBeCloseTo(1, 9);
  });
});
