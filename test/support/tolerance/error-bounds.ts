/**
 * First-order error bounds of a float32 implementation on one drawn batch. The unit is the error of a row's
 * log-sum-exp; every other bound follows it through the derivatives that the reference knows.
 */
import { type ReferenceInput, resolveHyper, validTokens } from '../reference/case.js';
import { sampledKl } from '../reference/estimator.js';
import { Margins } from '../reference/margins.js';
import type { ReferenceResult } from '../reference.js';

/** Half a float32 ulp of 1. */
const UNIT = 2 ** -24;

/** Absolute bounds; fields without an entry carry no error but the rounding of their storage. */
export interface ErrorBounds {
  loss: number;
  /** `[B*T]` by the vectors' field names. */
  tokens: Record<string, Float64Array>;
  /** Of every element of a row, `[B*T]`. */
  grad: Float64Array;
}

/** Errors of a value and of its derivative with respect to `logProb`. */
interface Parts {
  value: number;
  slope: number;
}

interface Scene {
  input: ReferenceInput;
  reference: ReferenceResult;
}

function at(values: ArrayLike<number> | undefined, token: number): number {
  return values?.[token] ?? 0;
}

/** Subtraction, scaling and `exp` of every element, then a sum over lanes and a logarithm. */
function rowBound({ input, reference }: Scene, token: number): number {
  const { V, temperature, softcap = 0 } = input.meta;
  const logp = Math.abs(at(reference.tokens.logp, token));
  const entropy = at(reference.tokens.entropy, token);
  return UNIT * (6 + Math.sqrt(V) / 2 + 3 * logp + 3 * entropy + (4 * softcap) / temperature);
}

/** Bounds of the statistics that come straight from the row. */
function statisticBounds(scene: Scene, token: number): Record<string, number> {
  const { tokens } = scene.reference;
  const row = rowBound(scene, token);
  const stored = scene.input.meta.filter?.source === 'stored';
  const keptMass = at(tokens.log_kept_mass, token);
  const proxy = at(tokens.proxy_logp, token);
  return {
    logp: row,
    entropy: 2 * row * (1 + at(tokens.entropy, token)),
    log_kept_mass: 4 * row * (1 + (Number.isFinite(keptMass) ? Math.abs(keptMass) : 0)),
    proxy_logp: stored || !Number.isFinite(proxy) ? 0 : 5 * row + 3 * UNIT * Math.abs(proxy),
    kl: 6 * row * (1 + at(tokens.kl, token)),
  };
}

function policyBounds({ input, reference }: Scene, token: number, row: number): Parts {
  const logp = at(reference.tokens.logp, token);
  const logRatio = logp - at(input.oldLogp, token);
  const slope = Math.abs(at(reference.terms.policySlope, token));
  const ofRatio = row + UNIT * (2 + Math.min(Math.abs(logRatio), 100));
  if (input.meta.loss === 'cispo') {
    return { value: slope * (row + Math.abs(logp) * ofRatio), slope: slope * ofRatio };
  }
  if (input.meta.loss !== 'sapo') return { value: slope * ofRatio, slope: slope * ofRatio };
  const { tau_pos, tau_neg } = resolveHyper(input.meta);
  const size = Math.abs(at(input.advantages, token)) * (input.rolloutWeights?.[token] ?? 1);
  const ratio = Math.min(Math.exp(logRatio), 100);
  return {
    value: slope * ofRatio + (8 * UNIT * size) / Math.min(tau_pos, tau_neg),
    slope: slope * (1 + Math.max(tau_pos, tau_neg) * ratio) * ofRatio + 8 * UNIT * size * ratio,
  };
}

function regulariserBounds(
  { input, reference }: Scene,
  token: number,
  statistics: Record<string, number>,
): Parts {
  if (reference.tokens.selected[token] === 0) return { value: 0, slope: 0 };
  const { beta } = resolveHyper(input.meta);
  const slope = Math.abs(at(reference.terms.regulariserSlope, token));
  const { logp = 0, proxy_logp = 0, kl = 0 } = statistics;
  switch (input.meta.loss) {
    case 'kl-cov':
      return { value: slope * logp, slope: 0 };
    case 'lp-reg-paper':
      return { value: beta * kl, slope: 0 };
    case 'lp-reg-kept':
    case 'lp-reg-reference': {
      // The second derivative of every estimator is at most 1 + |slope|.
      const bound = (beta + slope) * (logp + proxy_logp);
      return { value: bound, slope: bound };
    }
    default:
      return { value: 0, slope: 0 };
  }
}

function referenceKlBounds({ input, reference }: Scene, token: number, row: number): Parts {
  const { kl_ref_coef = 0, kl_ref_type = 'low_var_kl' } = input.meta.extras;
  if (kl_ref_coef === 0) return { value: 0, slope: 0 };
  const [target, logp] = [at(input.refLogp, token), at(reference.tokens.logp, token)];
  const { slope } = sampledKl(kl_ref_type, target, logp, input.meta.kl_bound, new Margins());
  const bound = kl_ref_coef * (1 + Math.abs(slope)) * row;
  return { value: bound, slope: bound };
}

/** Bound of the gradient of one row, from the three parts of SEMANTICS §2. */
function gradientBound({ input, reference }: Scene, token: number, row: number, coefBound: number): number {
  const { tokens } = reference;
  const entropy = at(tokens.entropy, token);
  // 1 - p_a, and the error of the small probabilities that it is the sum of.
  const rest = -Math.expm1(at(tokens.logp, token));
  const ofRest = rest === 0 ? 0 : row + 3 * UNIT * Math.abs(Math.log(rest));
  const fromLabel = rest * (Math.abs(at(tokens.coef_logp, token)) * ofRest + coefBound);
  const fromEntropy = Math.abs(at(tokens.coef_entropy, token)) * 3 * row * (1 + entropy);
  const fromKl = Math.abs(at(tokens.coef_kl, token)) * 4 * row;
  const whole = rest * Math.abs(at(tokens.coef_logp, token)) + fromEntropy / row + fromKl / row;
  const fromSoftcap = input.meta.softcap === undefined ? 0 : 4 * UNIT * whole;
  return (fromLabel + fromEntropy + fromKl + fromSoftcap) / input.meta.temperature;
}

function emptyBounds(size: number): ErrorBounds {
  const fields = ['logp', 'entropy', 'log_kept_mass', 'proxy_logp', 'kl', 'token_loss', 'coef_logp'];
  return {
    loss: 0,
    tokens: Object.fromEntries(fields.map((field) => [field, new Float64Array(size)])),
    grad: new Float64Array(size),
  };
}

/** Bounds of every field of one drawn batch. */
export function errorBounds(input: ReferenceInput, reference: ReferenceResult): ErrorBounds {
  const scene: Scene = { input, reference };
  const bounds = emptyBounds(input.mask.length);
  const set = (field: string, token: number, bound: number) => {
    (bounds.tokens[field] as Float64Array)[token] = bound;
  };
  for (const token of validTokens(input)) {
    const statistics = statisticBounds(scene, token);
    const row = rowBound(scene, token);
    const policy = policyBounds(scene, token, row);
    const regulariser = regulariserBounds(scene, token, statistics);
    const referenceKl = referenceKlBounds(scene, token, row);
    const weight = at(reference.tokens.weight, token);
    const tokenLoss = policy.value + regulariser.value;
    const coefLogp = weight * (policy.slope + regulariser.slope + referenceKl.slope);
    for (const [field, bound] of Object.entries(statistics)) set(field, token, bound);
    set('token_loss', token, tokenLoss);
    set('coef_logp', token, coefLogp);
    bounds.grad[token] = gradientBound(scene, token, row, coefLogp);
    const entropyBound = (input.meta.extras.entropy_coef ?? 0) * (statistics.entropy ?? 0);
    const stored = 4 * UNIT * Math.abs(at(reference.tokens.token_loss, token));
    bounds.loss += weight * (tokenLoss + entropyBound + referenceKl.value + stored);
  }
  return bounds;
}
