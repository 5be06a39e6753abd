/** Sampled KL estimators of SEMANTICS §5. */
import type { EstimatorName } from './case.js';
import type { Margins } from './margins.js';

export interface Estimate {
  value: number;
  /** Derivative with respect to `logProb`. */
  slope: number;
}

function unclamped(estimator: EstimatorName, d: number, margins: Margins): Estimate {
  switch (estimator) {
    case 'kl':
    case 'k1':
      return { value: -d, slope: 1 };
    case 'abs':
      margins.noteUnlessTied('abs-kink', d);
      return { value: Math.abs(d), slope: -Math.sign(d) };
    case 'mse':
    case 'k2':
      return { value: (d * d) / 2, slope: -d };
    case 'low_var_kl':
    case 'k3':
      return { value: Math.expm1(d) - d, slope: -Math.expm1(d) };
  }
}

/** The estimate of KL between `target` and `logProb`, clamped to `[-bound, bound]` with slope 0 outside. */
export function sampledKl(
  estimator: EstimatorName,
  target: number,
  logProb: number,
  bound: number,
  margins: Margins,
): Estimate {
  const { value, slope } = unclamped(estimator, target - logProb, margins);
  margins.note('kl-clamp', value - bound);
  margins.note('kl-clamp', value + bound);
  if (value > bound) return { value: bound, slope: 0 };
  if (value < -bound) return { value: -bound, slope: 0 };
  return { value, slope };
}
