/**
 * The one table of a batch file's names: metadata key, TypeScript option, field of the C ABI and default.
 * With tensor-table.ts it is what docs/metadata.md is printed from. Layout of the file: docs/semantics.md §9.
 */

/** Names of the losses in a file, and what they are in the API. */
export const LOSSES = {
  grpo: { objective: 'grpo', cName: 'LPREG_GRPO' },
  gspo: { objective: 'gspo', cName: 'LPREG_GSPO' },
  'kl-cov': { objective: 'kl-cov', cName: 'LPREG_KL_COV' },
  'clip-cov': { objective: 'clip-cov', cName: 'LPREG_CLIP_COV' },
  '80-20': { objective: '80-20', cName: 'LPREG_TOP_ENTROPY' },
  'lp-reg-paper': { objective: 'lp-reg', form: 'paper', cName: 'LPREG_LP_REG_PAPER' },
  'lp-reg-reference': { objective: 'lp-reg', form: 'reference', cName: 'LPREG_LP_REG_REFERENCE' },
  'lp-reg-kept': { objective: 'lp-reg', form: 'kept', cName: 'LPREG_LP_REG_KEPT' },
  cispo: { objective: 'cispo', cName: 'LPREG_CISPO' },
  sapo: { objective: 'sapo', cName: 'LPREG_SAPO' },
} as const;

export type LossName = keyof typeof LOSSES;

/** Part of the metadata's JSON that holds a key: its top level (`case`) or one of the objects in it. */
export type MetadataSection = 'case' | 'hyper' | 'extras' | 'filter';

/** One metadata key for one group of losses. */
export interface MetadataRow {
  readonly section: MetadataSection;
  readonly key: string;
  readonly losses: readonly LossName[];
  /** Name in `PolicyLossOptions` (`batch.`: in the batch). `kappa` belongs to min-p filters, `tau` to fixed ones. */
  readonly option: string;
  /** Field of `lpreg_loss_options` (`row.`: of its row options; `batch.`: of `lpreg_batch`). */
  readonly cField: string;
  /** Default when the file has no such key, in the file's terms; absent: the option stays off. */
  readonly default?: number | string;
  /** For a key that names a choice: the file's word, then the API's. */
  readonly choices?: Readonly<Record<string, string>>;
}

const EVERY_LOSS = Object.keys(LOSSES) as LossName[];
const CLIPPED_LOSSES: LossName[] = ['grpo', '80-20', 'clip-cov', 'cispo'];
const LP_REG_LOSSES: LossName[] = ['lp-reg-paper', 'lp-reg-reference', 'lp-reg-kept'];
const SURROGATE_LOSSES: LossName[] = ['grpo', 'gspo', 'clip-cov', '80-20', ...LP_REG_LOSSES];
const SELECTING_LOSSES: LossName[] = ['lp-reg-paper', 'lp-reg-reference'];

const ESTIMATORS = { kl: 'k1', abs: 'abs', mse: 'k2', low_var_kl: 'k3' };

function sameWords(...words: string[]): Record<string, string> {
  return Object.fromEntries(words.map((word) => [word, word]));
}

function rowsOf(section: MetadataSection, rows: readonly Omit<MetadataRow, 'section'>[]): MetadataRow[] {
  return rows.map((row) => ({ section, ...row }));
}

/** Every key that has an effect. Where a key's default depends on the loss, it has several rows. */
export const METADATA: readonly MetadataRow[] = [
  ...rowsOf('case', [
    { key: 'temperature', losses: EVERY_LOSS, option: 'temperature', cField: 'row.temperature', default: 1 },
    { key: 'softcap', losses: EVERY_LOSS, option: 'softcap', cField: 'row.softcap' },
    {
      key: 'agg',
      losses: EVERY_LOSS.filter((loss) => loss !== 'gspo'),
      option: 'aggregation',
      cField: 'aggregation',
      default: 'token-mean',
      choices: sameWords(
        'token-mean',
        'seq-mean-token-sum',
        'seq-mean-token-mean',
        'seq-mean-token-sum-norm',
      ),
    },
  ]),
  ...rowsOf('hyper', [
    { key: 'low', losses: CLIPPED_LOSSES, option: 'clipLow', cField: 'clip_low', default: 0.2 },
    { key: 'low', losses: ['gspo'], option: 'clipLow', cField: 'clip_low', default: 3e-4 },
    { key: 'low', losses: LP_REG_LOSSES, option: 'clipLow', cField: 'clip_low', default: 1 },
    { key: 'high', losses: CLIPPED_LOSSES, option: 'clipHigh', cField: 'clip_high', default: 0.2 },
    { key: 'high', losses: ['gspo'], option: 'clipHigh', cField: 'clip_high', default: 4e-4 },
    { key: 'high', losses: LP_REG_LOSSES, option: 'clipHigh', cField: 'clip_high', default: 9 },
    { key: 'dual', losses: SURROGATE_LOSSES, option: 'dualClip', cField: 'dual_clip' },
    { key: 'ratio_cap', losses: SURROGATE_LOSSES, option: 'ratioCap', cField: 'ratio_cap' },
    { key: 'k_percent', losses: ['kl-cov'], option: 'kPercent', cField: 'kl_cov_percent', default: 0.2 },
    { key: 'coef', losses: ['kl-cov'], option: 'klCovCoef', cField: 'kl_cov_coef', default: 1 },
    { key: 'ratio', losses: ['clip-cov'], option: 'clipCovRatio', cField: 'clip_cov_ratio', default: 2e-4 },
    { key: 'lb', losses: ['clip-cov'], option: 'covLow', cField: 'cov_low', default: 1 },
    { key: 'ub', losses: ['clip-cov'], option: 'covHigh', cField: 'cov_high', default: 5 },
    { key: 'frac', losses: ['80-20'], option: 'topFraction', cField: 'top_fraction', default: 0.2 },
    { key: 'beta', losses: LP_REG_LOSSES, option: 'beta', cField: 'beta', default: 1 },
    { key: 'rho', losses: ['lp-reg-paper'], option: 'rho', cField: 'rho', default: 0.01 },
    {
      key: 'interp',
      losses: ['lp-reg-paper'],
      option: 'interpolation',
      cField: 'interpolation',
      default: 'linear',
      choices: sameWords('lower', 'linear'),
    },
    {
      key: 'prob_threshold',
      losses: ['lp-reg-paper'],
      option: 'batch.probThreshold',
      cField: 'batch.prob_threshold',
    },
    { key: 'rho_neg', losses: ['lp-reg-reference'], option: 'rhoNeg', cField: 'rho_negative', default: 0.01 },
    { key: 'rho_pos', losses: ['lp-reg-reference'], option: 'rhoPos', cField: 'rho_positive', default: 0 },
    {
      key: 'select_on',
      losses: SELECTING_LOSSES,
      option: 'selectOn',
      cField: 'select_on',
      default: 'current',
      choices: sameWords('current', 'old'),
    },
    {
      key: 'estimator',
      losses: ['lp-reg-reference', 'lp-reg-kept'],
      option: 'estimator',
      cField: 'estimator',
      default: 'low_var_kl',
      choices: ESTIMATORS,
    },
    { key: 'tau_pos', losses: ['sapo'], option: 'tauPos', cField: 'tau_positive', default: 1 },
    { key: 'tau_neg', losses: ['sapo'], option: 'tauNeg', cField: 'tau_negative', default: 1.05 },
  ]),
  ...rowsOf('extras', [
    { key: 'entropy_coef', losses: EVERY_LOSS, option: 'entropyCoef', cField: 'entropy_coef', default: 0 },
    { key: 'kl_ref_coef', losses: EVERY_LOSS, option: 'klRefCoef', cField: 'reference_coef', default: 0 },
    {
      key: 'kl_ref_type',
      losses: EVERY_LOSS,
      option: 'klRefEstimator',
      cField: 'reference_estimator',
      default: 'low_var_kl',
      choices: ESTIMATORS,
    },
  ]),
  ...rowsOf('filter', [
    {
      key: 'mode',
      losses: LP_REG_LOSSES,
      option: 'filter.kind',
      cField: 'row.filter_kind',
      choices: sameWords('min-p', 'fixed'),
    },
    { key: 'value', losses: LP_REG_LOSSES, option: 'filter.kappa | filter.tau', cField: 'row.filter_value' },
    {
      key: 'on',
      losses: LP_REG_LOSSES,
      option: 'filter.on',
      cField: 'row.filter_on',
      default: 'scaled',
      choices: sameWords('scaled', 'raw'),
    },
    {
      key: 'empty',
      losses: LP_REG_LOSSES,
      option: 'filter.empty',
      cField: 'row.filter_empty',
      default: 'argmax',
      choices: sameWords('argmax', 'uniform'),
    },
    {
      key: 'source',
      losses: LP_REG_LOSSES,
      option: 'proxy',
      cField: 'row.proxy',
      default: 'current',
      choices: sameWords('current', 'old', 'stored'),
    },
  ]),
];

/** Keys of the top level that describe the file to people; they change nothing. */
export const PROVENANCE_KEYS = [
  'format',
  'name',
  'set',
  'seed',
  'notes',
  'expected',
  'f32_torch_error',
  'logits_copy',
] as const;

/** Constants of the mathematics that a file may state; any other value cannot be honoured. */
export const FIXED_CONSTANTS = { agg_eps: 1e-8, kl_bound: 10 } as const;
