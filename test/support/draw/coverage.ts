/** Counts which options and branches the drawn batches reached, per loss. */
import {
  type CaseMeta,
  type EstimatorName,
  isLpReg,
  type ReferenceInput,
  resolveHyper,
  validTokens,
} from '../reference/case.js';
import { sampledKl } from '../reference/estimator.js';
import { Margins } from '../reference/margins.js';
import type { ReferenceResult } from '../reference.js';
import { AGGREGATIONS, ESTIMATORS, LOSSES, SURROGATE_LOSSES } from './meta.js';

function optionsOf({ meta, ...tensors }: ReferenceInput): string[] {
  const hyper = resolveHyper(meta);
  const options = [`agg ${meta.agg}`];
  const add = (condition: boolean, option: string) => {
    if (condition) options.push(option);
  };
  add(meta.temperature !== 1, 'temperature');
  add(meta.softcap !== undefined, 'softcap');
  add(meta.logits_copy !== null, `logits ${meta.logits_copy}`);
  add(meta.extras.entropy_coef !== undefined, 'entropy bonus');
  add(meta.extras.kl_ref_coef !== undefined, `reference kl ${meta.extras.kl_ref_type ?? 'low_var_kl'}`);
  add(hyper.dual !== undefined, 'dual clip');
  add(hyper.ratio_cap !== undefined, 'ratio cap');
  add(tensors.rolloutWeights !== undefined, 'rollout weights');
  for (const count of ['tokenCount', 'sequenceCount', 'sequenceLengths', 'maxLength'] as const) {
    add(tensors[count] !== undefined, `given ${count}`);
  }
  if (meta.filter === null) return options;
  const { mode, on, empty, source } = meta.filter;
  if (source === 'stored') options.push('proxy stored');
  else options.push(`proxy ${source}`, `filter ${mode} ${on}`, `empty ${empty}`);
  if (meta.loss === 'lp-reg-paper') {
    options.push(hyper.prob_threshold === undefined ? `quantile ${hyper.interp}` : 'given threshold');
  } else {
    options.push(`estimator ${hyper.estimator}`);
  }
  if (meta.loss !== 'lp-reg-kept') options.push(`select on ${hyper.select_on}`);
  if (meta.loss === 'lp-reg-reference') add(hyper.rho_pos > 0, 'positive side');
  return options;
}

function isClamped(
  estimator: EstimatorName,
  target: number | undefined,
  logp: number | undefined,
  { kl_bound }: CaseMeta,
): boolean {
  const { value } = sampledKl(estimator, target as number, logp as number, kl_bound, new Margins());
  return Math.abs(value) === kl_bound;
}

function branchesOf(input: ReferenceInput, { tokens, frozen, margins }: ReferenceResult): string[] {
  const { mask, advantages, oldLogp, meta } = input;
  const hyper = resolveHyper(meta);
  const valid = validTokens(input);
  const branches: string[] = [];
  const some = (branch: string, holds: (token: number) => boolean) => {
    if (valid.some(holds)) branches.push(branch);
  };
  some('selected', (token) => tokens.selected[token] === 1);
  some('clipped', (token) => tokens.clipped[token] === 1);
  some('dual clipped', (token) => tokens.dual_clipped[token] === 1);
  some('zero advantage', (token) => advantages[token] === 0);
  some(
    'ratio overflows',
    (token) => Math.exp((tokens.logp[token] as number) - (oldLogp[token] as number)) === Infinity,
  );
  some('ratio cap acts', (token) => {
    const ratio = Math.exp((tokens.logp[token] as number) - (oldLogp[token] as number));
    return ratio > (hyper.ratio_cap ?? Infinity) && (advantages[token] as number) < 0;
  });
  for (const fallback of ['argmax', 'uniform'] as const) {
    some(`${fallback} fallback`, (token) => frozen.proxies?.[token]?.proxy.fallback === fallback);
  }
  some('masked vocabulary', (token) => {
    const row = input.logits.subarray(token * meta.V, token * meta.V + meta.V);
    return row.includes(-Infinity);
  });
  some('reference kl clamped', (token) => {
    const { kl_ref_type = 'low_var_kl', kl_ref_coef = 0 } = meta.extras;
    return kl_ref_coef > 0 && isClamped(kl_ref_type, input.refLogp?.[token], tokens.logp[token], meta);
  });
  some('pull clamped', (token) => {
    const sampled = meta.loss === 'lp-reg-reference' || meta.loss === 'lp-reg-kept';
    if (!sampled || tokens.selected[token] === 0) return false;
    return isClamped(hyper.estimator, tokens.proxy_logp?.[token], tokens.logp[token], meta);
  });
  if (margins.ties.has('selection')) branches.push('tied selection');
  if (mask.includes(0)) branches.push('masked rows');
  if (valid.length === 0) branches.push('all masked');
  return branches;
}

/** Options and branches that one evaluated batch reached, each as `loss: option`. */
export function reached(input: ReferenceInput, result: ReferenceResult): string[] {
  const { loss } = input.meta;
  return [...optionsOf(input), ...branchesOf(input, result)].map((option) => `${loss}: ${option}`);
}

const COMMON = [
  'temperature',
  'softcap',
  'logits bf16',
  'logits f16',
  'entropy bonus',
  ...ESTIMATORS.map((estimator) => `reference kl ${estimator}`),
  'rollout weights',
  'given sequenceCount',
  'given sequenceLengths',
  'zero advantage',
  'masked vocabulary',
  'masked rows',
  'all masked',
  'reference kl clamped',
];

const OTHER_AGGREGATIONS = [
  ...AGGREGATIONS.map((aggregation) => `agg ${aggregation}`),
  'given tokenCount',
  'given maxLength',
];

const PROXY = [
  'proxy current',
  'proxy old',
  ...['min-p', 'fixed'].flatMap((mode) => [`filter ${mode} scaled`, `filter ${mode} raw`]),
  'empty argmax',
  'empty uniform',
  'argmax fallback',
  'uniform fallback',
  'selected',
];

const SAMPLED = ['proxy stored', 'pull clamped', ...ESTIMATORS.map((estimator) => `estimator ${estimator}`)];
const SELECT_ON = ['select on current', 'select on old'];

const OWN: Partial<Record<(typeof LOSSES)[number], readonly string[]>> = {
  'kl-cov': ['selected', 'ratio overflows'],
  'clip-cov': ['selected'],
  '80-20': ['selected', 'tied selection'],
  'lp-reg-reference': [...SAMPLED, ...SELECT_ON, 'positive side', 'tied selection'],
  'lp-reg-paper': [...SELECT_ON, 'quantile lower', 'quantile linear', 'given threshold'],
  'lp-reg-kept': SAMPLED,
  cispo: ['clipped', 'ratio overflows'],
  sapo: ['ratio overflows'],
};

/** Everything that a long enough run of drawn batches has to reach. */
export function requiredCoverage(): string[] {
  return LOSSES.flatMap((loss) => {
    const surrogate = SURROGATE_LOSSES.includes(loss);
    const options = [
      ...COMMON,
      ...(loss === 'gspo' ? ['agg seq-mean-token-mean'] : OTHER_AGGREGATIONS),
      ...(surrogate
        ? ['dual clip', 'ratio cap', 'ratio cap acts', 'clipped', 'dual clipped', 'ratio overflows']
        : []),
      ...(isLpReg(loss) ? PROXY : []),
      ...(OWN[loss] ?? []),
    ];
    return options.map((option) => `${loss}: ${option}`);
  });
}

/** How often each option was reached. */
export class Coverage {
  readonly counts = new Map<string, number>();

  add(options: readonly string[]): void {
    for (const option of options) this.counts.set(option, (this.counts.get(option) ?? 0) + 1);
  }

  /** Required options reached fewer than `least` times. */
  missing(least: number): string[] {
    return requiredCoverage().filter((option) => (this.counts.get(option) ?? 0) < least);
  }
}
