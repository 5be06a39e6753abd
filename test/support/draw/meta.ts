/** Draws the hyper-parameters of one batch: only keys that have an effect on the drawn loss are set. */

import type { Random } from '../random.js';
import {
  type Aggregation,
  type CaseMeta,
  type EstimatorName,
  type Extras,
  type FilterSpec,
  type HyperParameters,
  isLpReg,
  type LossName,
  resolveHyper,
} from '../reference/case.js';

export const LOSSES: readonly LossName[] = [
  'grpo',
  'gspo',
  'kl-cov',
  'clip-cov',
  '80-20',
  'lp-reg-reference',
  'lp-reg-paper',
  'lp-reg-kept',
  'cispo',
  'sapo',
];

export const AGGREGATIONS: readonly Aggregation[] = [
  'token-mean',
  'seq-mean-token-sum',
  'seq-mean-token-mean',
  'seq-mean-token-sum-norm',
];

export const ESTIMATORS: readonly EstimatorName[] = ['kl', 'abs', 'mse', 'low_var_kl'];

/** The losses with the surrogate of SEMANTICS §3, and so with dual clip and ratio cap. */
export const SURROGATE_LOSSES: readonly LossName[] = [
  'grpo',
  'gspo',
  'clip-cov',
  '80-20',
  'lp-reg-reference',
  'lp-reg-paper',
  'lp-reg-kept',
];

/** The ratio cap lies above `1 + high`: only there is it the second bound that it is meant to be. */
function drawSurrogate(random: Random, loss: LossName): HyperParameters {
  const hyper: HyperParameters = {};
  if (random.chance(0.5)) {
    const tight = loss === 'gspo' ? 0.01 : 1;
    hyper.low = random.uniform(0.1, 0.5) * tight;
    hyper.high = random.uniform(0.1, 0.6) * tight;
  }
  if (random.chance(0.35)) hyper.dual = random.uniform(1.5, 4);
  if (random.chance(0.25)) {
    const { high } = resolveHyper({ loss, hyper });
    hyper.ratio_cap = 1 + high + random.uniform(0.1, 1);
  }
  return hyper;
}

function drawSelectOn(random: Random): HyperParameters {
  return random.chance(0.3) ? { select_on: 'old' } : {};
}

function drawBeta(random: Random): HyperParameters {
  return random.chance(0.6) ? { beta: random.uniform(0.2, 2) } : {};
}

function drawEstimator(random: Random): HyperParameters {
  return random.chance(0.7) ? { estimator: random.pick(ESTIMATORS) } : {};
}

function drawPaper(random: Random): HyperParameters {
  const common = { ...drawBeta(random), ...drawSelectOn(random) };
  if (random.chance(0.25)) return { ...common, prob_threshold: random.uniform(0.02, 0.6) };
  const rho = random.pick([0, 1, 0.5, 0.25, random.uniform(0.1, 0.9)]);
  return random.chance(0.4)
    ? { ...common, rho }
    : { ...common, rho, interp: random.pick(['lower', 'linear']) };
}

function drawReference(random: Random): HyperParameters {
  return {
    ...drawBeta(random),
    ...drawEstimator(random),
    ...drawSelectOn(random),
    rho_neg: random.pick([0, 1, random.uniform(0.2, 0.9)]),
    ...(random.chance(0.4) && { rho_pos: random.uniform(0.2, 0.9) }),
  };
}

const OWN_HYPER: Partial<Record<LossName, (random: Random) => HyperParameters>> = {
  'kl-cov': (random) => ({
    k_percent: random.pick([0, 0.2, 5, 30]),
    ...(random.chance(0.5) && { coef: random.uniform(0.3, 2) }),
  }),
  'clip-cov': (random) => ({ lb: random.uniform(0, 0.4), ub: random.uniform(1, 4) }),
  '80-20': (random) => (random.chance(0.5) ? { frac: random.pick([0, 0.5, 0.8, 1]) } : {}),
  'lp-reg-paper': drawPaper,
  'lp-reg-reference': drawReference,
  'lp-reg-kept': (random) => ({ ...drawBeta(random), ...drawEstimator(random) }),
  cispo: (random) => (random.chance(0.7) ? { low: random.pick([1, 0.2]), high: random.uniform(0.1, 2) } : {}),
  sapo: (random) =>
    random.chance(0.5) ? { tau_pos: random.uniform(0.5, 3), tau_neg: random.uniform(0.5, 3) } : {},
};

function drawFilter(random: Random, loss: LossName): FilterSpec {
  const sources =
    loss === 'lp-reg-paper' ? (['current', 'old'] as const) : (['current', 'old', 'stored'] as const);
  const source = random.pick(sources);
  const on = random.chance(0.3) ? 'raw' : 'scaled';
  if (random.chance(0.6)) {
    const value = random.pick([0, 1, 0.02, 0.05, 0.2, 0.9]);
    return { mode: 'min-p', value, on, empty: 'argmax', source };
  }
  const value = random.pick([0.01, 0.05, 0.3, 0.9, 1]);
  return { mode: 'fixed', value, on, empty: random.pick(['argmax', 'uniform']), source };
}

function drawExtras(random: Random): Extras {
  const extras: Extras = {};
  if (random.chance(0.35)) extras.entropy_coef = random.uniform(0.001, 0.05);
  if (random.chance(0.35)) {
    extras.kl_ref_coef = random.uniform(0.01, 0.3);
    if (random.chance(0.8)) extras.kl_ref_type = random.pick(ESTIMATORS);
  }
  return extras;
}

function drawShape(random: Random): { B: number; T: number; V: number } {
  if (random.chance(0.05))
    return { B: random.integer(1, 2), T: random.integer(1, 3), V: random.integer(1000, 4200) };
  const small = random.chance(0.5) ? random.integer(2, 40) : random.integer(2, 200);
  return { B: random.integer(1, 6), T: random.integer(1, 12), V: small };
}

export function drawMeta(random: Random, loss: LossName, name: string): CaseMeta {
  const shape = drawShape(random);
  const surrogate = SURROGATE_LOSSES.includes(loss) ? drawSurrogate(random, loss) : {};
  return {
    name,
    loss,
    ...shape,
    temperature: random.chance(0.5) ? 1 : random.uniform(0.5, 2),
    agg: loss === 'gspo' ? 'seq-mean-token-mean' : random.pick(AGGREGATIONS),
    agg_eps: 1e-8,
    kl_bound: 10,
    hyper: { ...surrogate, ...OWN_HYPER[loss]?.(random) },
    ...(random.chance(0.2) && { softcap: random.uniform(4, 30) }),
    extras: drawExtras(random),
    filter: isLpReg(loss) ? drawFilter(random, loss) : null,
    logits_copy: random.pick(['bf16', 'f16', null, null, null, null]),
  };
}
