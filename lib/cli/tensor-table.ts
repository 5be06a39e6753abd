/** Names of the tensors in batch and result files: in the file, in the API, in the C ABI. See metadata-table.ts. */
import type { TokenField } from '../loss/token-fields.js';
import type { PolicyLossBatch } from '../tensors/batch.js';
import type { TensorDtype } from './safetensors-header.js';

/** One input tensor of a batch file. */
export interface TensorRow {
  readonly name: string;
  /** Field of the API's batch. */
  readonly field: keyof PolicyLossBatch;
  /** Field of `lpreg_batch`. */
  readonly cField: string;
  readonly dtypes: readonly TensorDtype[];
  readonly shape: '[B, T, V]' | '[B, T]' | '[B, T] or [B]';
  /** When it is read; a tensor that the loss does not need is left alone. */
  readonly when: string;
}

/** Every input tensor. */
export const TENSORS: readonly TensorRow[] = [
  {
    name: 'logits',
    field: 'logits',
    cField: 'logits',
    dtypes: ['F32', 'F16', 'BF16'],
    shape: '[B, T, V]',
    when: 'always; `--logits` names another one',
  },
  {
    name: 'actions',
    field: 'actions',
    cField: 'actions',
    dtypes: ['I32', 'I64'],
    shape: '[B, T]',
    when: 'always',
  },
  {
    name: 'old_logp',
    field: 'oldLogProbs',
    cField: 'old_log_probs',
    dtypes: ['F32'],
    shape: '[B, T]',
    when: 'always',
  },
  {
    name: 'advantages',
    field: 'advantages',
    cField: 'advantages',
    dtypes: ['F32'],
    shape: '[B, T] or [B]',
    when: 'always',
  },
  {
    name: 'mask',
    field: 'mask',
    cField: 'mask',
    dtypes: ['U8', 'BOOL'],
    shape: '[B, T]',
    when: 'where present; without it every token is valid',
  },
  {
    name: 'rollout_weights',
    field: 'rolloutWeights',
    cField: 'rollout_weights',
    dtypes: ['F32'],
    shape: '[B, T]',
    when: 'where present, on any loss',
  },
  {
    name: 'old_logits',
    field: 'oldLogits',
    cField: 'old_logits',
    dtypes: ['F32', 'F16', 'BF16'],
    shape: '[B, T, V]',
    when: '`filter.source` is `old`',
  },
  {
    name: 'stored_proxy_logp',
    field: 'proxyLogProbs',
    cField: 'proxy_log_probs',
    dtypes: ['F32'],
    shape: '[B, T]',
    when: '`filter.source` is `stored`',
  },
  {
    name: 'ref_logp',
    field: 'refLogProbs',
    cField: 'ref_log_probs',
    dtypes: ['F32'],
    shape: '[B, T]',
    when: '`extras.kl_ref_coef` is not 0',
  },
  {
    name: 'chosen',
    field: 'chosen',
    cField: 'chosen',
    dtypes: ['U8', 'BOOL'],
    shape: '[B, T]',
    when: 'where present, `clip-cov` only',
  },
];

/** One per-token tensor of a result file, named as in the vectors without their `exp.` prefix. */
export interface ResultRow {
  readonly name: string;
  /** Field of `result.tokens`. */
  readonly field: TokenField;
  /** Field of `lpreg_token_outputs`. */
  readonly cField: string;
  readonly dtype: 'F32' | 'I32' | 'U8';
}

/** Every per-token tensor that a result file can hold. */
export const RESULTS: readonly ResultRow[] = [
  { name: 'logp', field: 'logProbs', cField: 'log_prob', dtype: 'F32' },
  { name: 'entropy', field: 'entropy', cField: 'entropy', dtype: 'F32' },
  { name: 'log_kept_mass', field: 'logKeptMass', cField: 'log_kept_mass', dtype: 'F32' },
  { name: 'proxy_logp', field: 'proxyLogProbs', cField: 'proxy_log_prob', dtype: 'F32' },
  { name: 'kl', field: 'kl', cField: 'kl', dtype: 'F32' },
  { name: 'token_loss', field: 'tokenLoss', cField: 'token_loss', dtype: 'F32' },
  { name: 'coef_logp', field: 'coefLogProb', cField: 'coef_log_prob', dtype: 'F32' },
  { name: 'coef_entropy', field: 'coefEntropy', cField: 'coef_entropy', dtype: 'F32' },
  { name: 'coef_kl', field: 'coefKl', cField: 'coef_kl', dtype: 'F32' },
  { name: 'weight', field: 'weight', cField: 'weight', dtype: 'F32' },
  { name: 'keep_count', field: 'keepCount', cField: 'keep_count', dtype: 'I32' },
  { name: 'selected', field: 'selected', cField: 'selected', dtype: 'U8' },
  { name: 'clipped', field: 'clipped', cField: 'clipped', dtype: 'U8' },
  { name: 'dual_clipped', field: 'dualClipped', cField: 'dual_clipped', dtype: 'U8' },
  { name: 'candidate', field: 'candidate', cField: 'candidate', dtype: 'U8' },
];
