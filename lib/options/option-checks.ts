import { fieldName, ownFields, rejectUnknownFields } from '../tensors/own-fields.js';
import {
  type Check,
  finite,
  flag,
  fraction,
  integerFrom,
  missing,
  notNegative,
  numberThat,
  oneOf,
  positive,
} from './checks.js';
import type { OptionName } from './defaults.js';
import type { Filter } from './lp-reg-options.js';

const estimator = oneOf('k1', 'k2', 'k3', 'abs');
const positiveFraction = numberThat('a number in (0, 1]', (value) => value > 0 && value <= 1);

/** Type and range of every option (docs/semantics.md §8). */
export const OPTION_CHECKS: Readonly<Record<OptionName, Check>> = {
  temperature: positive,
  softcap: positive,
  entropyCoef: finite,
  klRefCoef: finite,
  klRefEstimator: estimator,
  nonFinite: oneOf('error', 'propagate'),
  checkFirst: flag,
  backend: oneOf('auto', 'cpu', 'cuda'),
  device: integerFrom(0),
  stagingBytes: integerFrom(1),
  aggregation: oneOf('token-mean', 'seq-mean-token-sum', 'seq-mean-token-mean', 'seq-mean-token-sum-norm'),
  clipLow: notNegative,
  clipHigh: numberThat('a number from 0, or Infinity', (value) => value >= 0),
  dualClip: numberThat('a finite number above 1', (value) => value > 1 && value < Infinity),
  ratioCap: positive,
  kPercent: notNegative,
  klCovCoef: notNegative,
  clipCovRatio: fraction,
  covLow: finite,
  covHigh: finite,
  seed: integerFrom(0),
  topFraction: fraction,
  tauPos: positive,
  tauNeg: positive,
  beta: notNegative,
  filter: checkFilter,
  proxy: oneOf('current', 'old', 'stored', 'snapshot'),
  selectOn: oneOf('current', 'old'),
  rho: fraction,
  interpolation: oneOf('lower', 'linear'),
  rhoNeg: fraction,
  rhoPos: fraction,
  estimator,
};

/**
 * Checks a filter and fills in its defaults.
 * @throws {LpRegError} `ERR_TYPE`, `ERR_MISSING`, `ERR_OPTION`, or `ERR_OPTION_WITHOUT_EFFECT` for a property
 *   that a filter of this kind does not have.
 */
export function checkFilter(value: unknown, argument: string): Filter {
  const fields = ownFields(value, argument);
  const read = <T>(check: Check<T>, key: string, byDefault?: T): T => {
    const name = fieldName(argument, key);
    if (fields[key] !== undefined) return check(fields[key], name);
    if (byDefault === undefined) throw missing(name, 'a filter needs it');
    return byDefault;
  };
  const kind = read(oneOf('min-p', 'fixed'), 'kind');
  const on = read(oneOf('scaled', 'raw'), 'on', 'scaled');
  if (kind === 'min-p') {
    rejectUnknownFields(fields, ['kind', 'kappa', 'on'], argument);
    return Object.freeze({ kind, kappa: read(fraction, 'kappa'), on });
  }
  rejectUnknownFields(fields, ['kind', 'tau', 'on', 'empty'], argument);
  const empty = read(oneOf('argmax', 'uniform'), 'empty', 'argmax');
  return Object.freeze({ kind, tau: read(positiveFraction, 'tau'), on, empty });
}
