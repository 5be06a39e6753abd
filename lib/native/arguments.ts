/** Arguments of the addon's operations, told apart by position, in the order of native/addon/arguments.h. */

/** A matrix: its array, dtype, strides, and whether it may be longer than its shape. */
const matrix = <Name extends string>(name: Name) =>
  [name, `${name}_dtype`, `${name}_row_stride`, `${name}_sequence_stride`, `${name}_strided`] as const;

export const ARGUMENT_ORDER = [
  'on_device',
  'options',
  'sequences',
  'tokens',
  'rows',
  'vocab',
  ...matrix('logits'),
  ...matrix('old_logits'),
  ...matrix('gradient'),
  'gradient_owned',
  'grad_output',
  'cu_seq_lens',
  'actions',
  'mask',
  'old_log_probs',
  'advantages',
  'ref_log_probs',
  'rollout_weights',
  'proxy_log_probs',
  'chosen',
  'sequence_lengths',
  'prob_threshold',
  'token_count',
  'sequence_count',
  'max_length',
  'proxy_snapshot',
  'row_ptr',
  'ids',
  'log_q',
  'log_kept_mass',
  'uniform',
  'token_log_prob',
  'token_entropy',
  'token_log_kept_mass',
  'token_proxy_log_prob',
  'token_kl',
  'token_action_is_max',
  'd_log_prob',
  'd_entropy',
  'd_kl',
  'outputs',
  'results',
  'device_outputs',
  'workspace',
  'allocate',
  'non_finite',
  'max_entries',
  'keep_on_device',
] as const;

export type ArgumentName = (typeof ARGUMENT_ORDER)[number];

/** Arguments by position; `undefined` is absent. */
export type CallArguments = unknown[];

/** Position of each argument. */
export const AT = Object.fromEntries(ARGUMENT_ORDER.map((name, i) => [name, i])) as Readonly<
  Record<ArgumentName, number>
>;

const NONE: readonly undefined[] = ARGUMENT_ORDER.map(() => undefined);

/** A call without arguments, to be filled in. */
export function noArguments(): CallArguments {
  return NONE.slice();
}
