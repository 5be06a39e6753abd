// Does time grow linearly? A straight line through (size, time), judged where each decade counts alike.

/**
 * Fits `time = overhead + perUnit * size` with relative errors, so that the smallest sizes weigh as much as the largest.
 * @param points - [size, time] with positive values, at least two sizes.
 * @returns overhead (never negative), perUnit, and R² of the logarithms of the times.
 */
export function fitLine(points) {
  const free = solve(points);
  const line =
    free.overhead < 0 ? { overhead: 0, perUnit: meanOf(points.map(([size, time]) => time / size)) } : free;
  const fitted = ({ overhead, perUnit }, size) => overhead + perUnit * size;
  const logs = points.map(([, time]) => Math.log(time));
  const residual = sumOf(points.map(([size, time]) => Math.log(time / fitted(line, size)) ** 2));
  const mean = meanOf(logs);
  const total = sumOf(logs.map((log) => (log - mean) ** 2));
  return { ...line, r2: 1 - residual / total };
}

/** Least squares of `(time - a - b size) / time`. */
function solve(points) {
  const rows = points.map(([size, time]) => [1 / time, size / time]);
  const s11 = sumOf(rows.map(([x]) => x * x));
  const s12 = sumOf(rows.map(([x, y]) => x * y));
  const s22 = sumOf(rows.map(([, y]) => y * y));
  const t1 = sumOf(rows.map(([x]) => x));
  const t2 = sumOf(rows.map(([, y]) => y));
  const determinant = s11 * s22 - s12 * s12;
  return {
    overhead: (s22 * t1 - s12 * t2) / determinant,
    perUnit: (s11 * t2 - s12 * t1) / determinant,
  };
}

/**
 * Slope of log time by log size in each decade, after `overhead` has been taken off: 1 is linear.
 * @param points - [size, time], ascending.
 * @returns One entry per pair of sizes about a decade apart; slope is null where the overhead is most of the time.
 */
export function decadeSlopes(points, overhead = 0) {
  const slopes = [];
  for (let begin = 0; begin < points.length; ) {
    const [size, time] = points[begin];
    const end = points.findIndex(([other]) => other >= 8 * size);
    if (end < 0) break;
    const [nextSize, nextTime] = points[end];
    const isMeasurable = time > 2 * overhead;
    const slope = Math.log((nextTime - overhead) / (time - overhead)) / Math.log(nextSize / size);
    slopes.push({ from: size, to: nextSize, slope: isMeasurable ? slope : null });
    begin = end;
  }
  return slopes;
}

const sumOf = (values) => values.reduce((a, b) => a + b, 0);
const meanOf = (values) => sumOf(values) / values.length;
