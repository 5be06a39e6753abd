/** Names on both sides of the C ABI: ours, and those of native/include/lpreg.h. */

/** Options whose value goes into `lpreg_loss_options` as it is. */
export const NUMBER_OPTIONS = {
  clipLow: 'clip_low',
  clipHigh: 'clip_high',
  dualClip: 'dual_clip',
  ratioCap: 'ratio_cap',
  entropyCoef: 'entropy_coef',
  klRefCoef: 'reference_coef',
  beta: 'beta',
  rho: 'rho',
  rhoNeg: 'rho_negative',
  rhoPos: 'rho_positive',
  kPercent: 'kl_cov_percent',
  klCovCoef: 'kl_cov_coef',
  clipCovRatio: 'clip_cov_ratio',
  covLow: 'cov_low',
  covHigh: 'cov_high',
  topFraction: 'top_fraction',
  tauPos: 'tau_positive',
  tauNeg: 'tau_negative',
  seed: 'seed',
} as const;

const ESTIMATORS = ['k1', 'abs', 'k2', 'k3'];

/** Options that are words, and their words in the order of the enumerators. */
export const WORD_OPTIONS = {
  aggregation: {
    field: 'aggregation',
    words: ['token-mean', 'seq-mean-token-sum', 'seq-mean-token-mean', 'seq-mean-token-sum-norm'],
  },
  estimator: { field: 'estimator', words: ESTIMATORS },
  klRefEstimator: { field: 'reference_estimator', words: ESTIMATORS },
  interpolation: { field: 'interpolation', words: ['lower', 'linear'] },
  selectOn: { field: 'select_on', words: ['current', 'old'] },
  nonFinite: { field: 'non_finite', words: ['error', 'propagate'] },
} as const;

/** Losses in the order of `lpreg_objective`. */
export const OBJECTIVE_ORDER = [
  'grpo',
  'gspo',
  'kl-cov',
  'clip-cov',
  '80-20',
  'lp-reg paper',
  'lp-reg reference',
  'lp-reg kept',
  'cispo',
  'sapo',
] as const;

/** Numbers of `lpreg_row_options`, in the order in which the addon takes them. */
export const ROW_OPTION_ORDER = [
  'temperature',
  'softcap',
  'filter_value',
  'filter_kind',
  'filter_on',
  'filter_empty',
  'proxy',
] as const;

/** Numbers of `lpreg_loss_options` behind those of its rows, in the order in which the addon takes them. */
export const LOSS_OPTION_ORDER = [
  'objective',
  'aggregation',
  'estimator',
  'reference_estimator',
  'interpolation',
  'select_on',
  'non_finite',
  'check_first',
  'clip_low',
  'clip_high',
  'dual_clip',
  'ratio_cap',
  'entropy_coef',
  'reference_coef',
  'beta',
  'rho',
  'rho_negative',
  'rho_positive',
  'kl_cov_percent',
  'kl_cov_coef',
  'clip_cov_ratio',
  'cov_low',
  'cov_high',
  'top_fraction',
  'tau_positive',
  'tau_negative',
  'seed',
] as const;

/** Operations of the addon, in its order. */
export const OPERATION_ORDER = [
  'lossForward',
  'lossBackward',
  'lossForwardBackward',
  'tokenStats',
  'tokenStatsBackward',
  'objective',
  'proxySnapshot',
] as const;

/** Enumerators of `lpreg_row_options`, 0 being none. */
export const PROXY_ORDER = ['none', 'current', 'old', 'stored', 'snapshot'] as const;
export const FILTER_ORDER = ['none', 'min-p', 'fixed'] as const;
export const FILTER_ON_ORDER = ['scaled', 'raw'] as const;
export const FILTER_EMPTY_ORDER = ['argmax', 'uniform'] as const;

/** Inputs of a batch that the addon takes as they are. */
export const BATCH_FIELDS = {
  cuSeqLens: 'cu_seq_lens',
  actions: 'actions',
  mask: 'mask',
  oldLogProbs: 'old_log_probs',
  advantages: 'advantages',
  refLogProbs: 'ref_log_probs',
  rolloutWeights: 'rollout_weights',
  proxyLogProbs: 'proxy_log_probs',
  chosen: 'chosen',
  probThreshold: 'prob_threshold',
  tokenCount: 'token_count',
  sequenceCount: 'sequence_count',
  maxLength: 'max_length',
} as const;

/** Arrays of a snapshot, by their names in `lpreg_snapshot`. */
export const SNAPSHOT_FIELDS = {
  rowPtr: 'row_ptr',
  ids: 'ids',
  logQ: 'log_q',
  logKeptMass: 'log_kept_mass',
  uniform: 'uniform',
} as const;

/** Per-token results by their names in `lpreg_token_outputs`, and in its order. */
export const TOKEN_FIELDS = {
  logProbs: 'log_prob',
  entropy: 'entropy',
  logKeptMass: 'log_kept_mass',
  proxyLogProbs: 'proxy_log_prob',
  kl: 'kl',
  tokenLoss: 'token_loss',
  coefLogProb: 'coef_log_prob',
  coefEntropy: 'coef_entropy',
  coefKl: 'coef_kl',
  weight: 'weight',
  logSumExp: 'log_sum_exp',
  keepCount: 'keep_count',
  actionIsMax: 'action_is_max',
  selected: 'selected',
  clipped: 'clipped',
  dualClipped: 'dual_clipped',
  candidate: 'candidate',
} as const;

/** Metrics by their names in `lpreg_loss_result`, in the order in which they stand behind the loss. */
export const METRIC_FIELDS = {
  policyLoss: 'policy_loss',
  entropyTerm: 'entropy_term',
  refKlTerm: 'reference_term',
  entropy: 'entropy',
  clipFraction: 'clip_fraction',
  dualClipFraction: 'dual_clip_fraction',
  approxKl: 'approx_kl',
  ratioMin: 'ratio_min',
  ratioMax: 'ratio_max',
  ratioMean: 'ratio_mean',
  keptMass: 'kept_mass',
  proxyKl: 'proxy_kl',
  keptMassNegative: 'kept_mass_negative',
  keptMassSelected: 'kept_mass_selected',
  pullRatio: 'pull_ratio',
  probThreshold: 'prob_threshold',
  validCount: 'valid_count',
  negativeCount: 'negative_count',
  lowestCount: 'lowest_count',
  selectedCount: 'selected_count',
} as const;

function inverse(table: Readonly<Record<string, string>>, prefix = ''): [string, string][] {
  return Object.entries(table).map(([ours, theirs]) => [theirs, prefix + ours]);
}

/**
 * What a failure calls an argument -> what the caller calls it. Names that are the same on both sides are
 * left out.
 */
export const ARGUMENT_NAMES: ReadonlyMap<string, string> = new Map([
  // Per-token arrays that a failure can name are inputs of the scalar stage.
  ...inverse(TOKEN_FIELDS, 'tokens.'),
  ...inverse(NUMBER_OPTIONS),
  ...Object.entries(WORD_OPTIONS).map(([ours, { field }]): [string, string] => [field, ours]),
  ...inverse(BATCH_FIELDS),
  ['check_first', 'checkFirst'],
  ['filter_kind', 'filter'],
  ['filter_value', 'filter'],
  ['filter_on', 'filter.on'],
  ['filter_empty', 'filter.empty'],
  ['old_logits', 'oldLogits'],
  ['proxy_snapshot', 'proxySnapshot'],
  ['sequence_lengths', 'sequenceLengths'],
  ['rows', 'shape'],
  ['vocab', 'logits'],
  ['gradient', 'into'],
  ['grad_output', 'gradOutput'],
  ['d_log_prob', 'dLogProbs'],
  ['d_entropy', 'dEntropy'],
  ['d_kl', 'dKl'],
  ['max_entries', 'maxEntries'],
  ['staging_bytes', 'stagingBytes'],
]);
