// Means with intervals, and half-lives.

/** Two-sided 95 % quantiles of Student's t by degrees of freedom; beyond 14 two terms of their expansion do, to 0.001. */
const T95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
];

const quantile = (degrees) => T95[degrees - 1] ?? 1.96 + 2.372 / degrees + 2.822 / degrees ** 2;

/** @returns Mean, its standard error, and how many values there were. */
export function meanAndError(values) {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  return { mean, error: n > 1 ? Math.sqrt(variance / n) : Number.NaN, n };
}

/** Mean and half the width of its 95 % interval by Student's t. */
export function interval(values) {
  const { mean, error, n } = meanAndError(values);
  return { mean, half: n > 1 ? quantile(n - 1) * error : null, n };
}

/** Step at which a curve first falls below half of its first value, interpolated; the last step if it never does. */
export function halfLife(points) {
  const [[, first]] = points;
  for (let i = 1; i < points.length; i++) {
    const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
    if (y1 < first / 2) return x0 + ((y0 - first / 2) / (y0 - y1)) * (x1 - x0);
  }
  return points.at(-1)[0];
}
