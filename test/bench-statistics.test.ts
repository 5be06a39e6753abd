/** What benchmark figures are made of: order statistics, the model of bytes, races. */
import { describe, expect, it } from 'vitest';
import { type Contender, race } from '../lib/bench/race.js';
import { median, quantile, ratioOf, timingOf } from '../lib/bench/statistics.js';
import { gigabytesPerSecond, logitsBytes, minimalBytes, yardstickBytes } from '../lib/bench/traffic.js';

describe('statistics of timings', () => {
  it('an odd number of samples: the median is the middle one, whatever their order', () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  it('an even number of samples: the median lies between the middle ones', () => {
    expect(median([4, 1, 2, 100])).toBe(3);
  });

  it('quantiles interpolate between order statistics', () => {
    expect(quantile([10, 20, 30, 40, 50], 0.25)).toBe(20);
    expect(quantile([0, 10], 0.75)).toBe(7.5);
  });

  it('no samples: NaN, not 0', () => {
    expect(median([])).toBeNaN();
  });

  it('one sample is disturbed: median and quartiles stay', () => {
    expect(timingOf([10, 10, 10, 10, 500])).toEqual({ samples: 5, median: 10, low: 10, high: 10, min: 10 });
  });

  it('the clock drifts by a factor of two: the ratio of each round stays the same', () => {
    const { value, low, high } = ratioOf([10, 12, 14, 16, 20], [5, 6, 7, 8, 10]);
    expect({ value, low, high }).toEqual({ value: 2, low: 2, high: 2 });
  });
});

describe('minimal bytes', () => {
  const extent = { rows: 256, vocab: 151936, dtype: 'float32' } as const;

  it('16-bit logits are half of float32', () => {
    expect(logitsBytes({ ...extent, dtype: 'bfloat16' })).toBe(logitsBytes(extent) / 2);
  });

  it.each([
    ['forward', 1],
    ['token-stats', 1],
    ['backward', 2],
    ['in-place', 2],
    ['in-place, no outputs', 2],
    ['out-of-place', 2],
  ] as const)('%s crosses memory %d times at least', (form, crossings) => {
    expect(minimalBytes(form, extent)).toBe(crossings * 256 * 151936 * 4);
  });

  it('old logits are read: one more crossing', () => {
    expect(minimalBytes('in-place', extent, true)).toBe(3 * logitsBytes(extent));
  });

  it('an in-place step in the time of the copy has the rate of the copy', () => {
    expect(minimalBytes('in-place', extent)).toBe(yardstickBytes(extent));
    expect(gigabytesPerSecond(2e9, 1000)).toBe(2);
  });
});

describe('a race', () => {
  const log: string[] = [];
  const contender = (name: string): Contender => ({
    name,
    prepare: () => log.push(`prepare ${name}`),
    run: () => {
      log.push(`run ${name}`);
      return undefined;
    },
  });
  const sample = ({ prepare, run }: Contender) => {
    prepare();
    run();
    return 1;
  };

  it('every run is prepared, rounds take turns in beginning, and the first of each is dropped', () => {
    const samples = race([contender('a'), contender('b')], { minRounds: 2, maxRounds: 2, budget: 0 }, sample);
    expect(log.filter((entry) => entry.startsWith('run'))).toEqual(
      ['a', 'b', 'a', 'b', 'b', 'a'].map((name) => `run ${name}`),
    );
    expect(log.length).toBe(12);
    expect(samples).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  it('the budget is spent: no round starts beyond the least number', () => {
    const samples = race([contender('a')], { minRounds: 3, maxRounds: 1000, budget: 0 }, sample);
    expect(samples).toEqual([[1, 1, 1]]);
  });
});
