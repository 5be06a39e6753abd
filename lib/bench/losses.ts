/** The losses that are measured. */
import type { PolicyLossOptions } from '../options/option-types.js';

/** A loss, and why it is measured. */
export interface MeasuredLoss {
  readonly options: PolicyLossOptions;
  readonly why: string;
  /** Whether the loss needs `oldLogits`. */
  readonly oldLogits?: true;
}

/** By the name that case names and filters use. */
export const LOSSES = {
  grpo: { options: { objective: 'grpo' }, why: 'token PPO: one pass' },
  'grpo+entropy': {
    options: { objective: 'grpo', entropyCoef: 0.001 },
    why: 'the entropy term of the gradient',
  },
  'lp-reg-kept': { options: { objective: 'lp-reg', form: 'kept' }, why: 'row-local Lp-Reg: one pass' },
  'lp-reg-old-selection': {
    options: { objective: 'lp-reg', selectOn: 'old' },
    why: 'selection known beforehand: one pass',
  },
  'lp-reg': { options: { objective: 'lp-reg' }, why: 'default selection: split pass' },
  'lp-reg-reference': {
    options: { objective: 'lp-reg', form: 'reference' },
    why: 'the released form: split pass',
  },
  'lp-reg-old-proxy': {
    options: { objective: 'lp-reg', proxy: 'old' },
    why: 'proxy from old logits',
    oldLogits: true,
  },
  gspo: { options: { objective: 'gspo' }, why: 'sequence ratios: two passes' },
  '80-20': { options: { objective: '80-20' }, why: 'entropy ranking: two passes' },
} as const satisfies Readonly<Record<string, MeasuredLoss>>;

/** Name of a measured loss. */
export type LossLabel = keyof typeof LOSSES;

/** Names of all measured losses. */
export const LOSS_LABELS = Object.keys(LOSSES) as readonly LossLabel[];
