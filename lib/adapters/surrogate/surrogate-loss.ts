import type {
  DefaultTokenField,
  ForwardOptions,
  JobOptions,
  LossAndGradient,
  LossValues,
  PolicyLoss,
  PolicyLossBatch,
  Tensor,
  TokenField,
} from '../../index.js';
import { ownFields } from '../../tensors/own-fields.js';

/** A batch of {@link PolicyLoss} whose logits are the values of an array of any framework. */
export interface SurrogateBatch extends Omit<PolicyLossBatch, 'logits' | 'oldLogits'> {
  /** Values of the logits in row-major order, as frameworks give them: `array.dataSync()`. */
  readonly logits: Float32Array;
  /** `[B, T, V]`, or `[N, V]` for packed rows: `array.shape`. */
  readonly shape: readonly number[];
  /** Logits of the old policy, of the same shape; with `proxy: 'old'`, and only then. */
  readonly oldLogits?: Float32Array | undefined;
}

/** A loss, and what makes a surrogate for it. */
export interface SurrogateLoss<Field extends TokenField> extends LossValues<Field> {
  /**
   * `G` = d loss / d logits, of the shape of the logits. With `G` as a constant `sum(logits * G)` has the
   * gradient of the loss, but not its value, and is NaN where a logit is infinite: log `loss`.
   */
  readonly gradLogits: Float32Array;
}

/**
 * Loss and gradient for frameworks that let nobody define a gradient: differentiate `sum(logits * gradLogits)`
 * with `gradLogits` as a constant, or hand `gradLogits` to the framework's vector-Jacobian product of the model.
 *
 * @param policyLoss - Which loss. One whose logits are float32 and on the host.
 * @param batch - As of {@link PolicyLoss.forwardBackward}, with values and shape of the logits.
 * @throws {LpRegError} As {@link PolicyLoss.forwardBackward}.
 * @example
 * const { loss, gradLogits } = await surrogateLoss(policyLoss, { logits: await x.data(), shape: x.shape, ...batch });
 */
export async function surrogateLoss<const Field extends TokenField = DefaultTokenField>(
  policyLoss: PolicyLoss,
  batch: SurrogateBatch,
  options?: ForwardOptions<Field> & JobOptions,
): Promise<SurrogateLoss<Field>> {
  return withArray(await policyLoss.forwardBackward<Field>(tensorBatch(batch), options));
}

/**
 * {@link surrogateLoss} on this thread.
 * @throws {LpRegError} As {@link surrogateLoss}, except `ERR_ABORTED`.
 */
export function surrogateLossSync<const Field extends TokenField = DefaultTokenField>(
  policyLoss: PolicyLoss,
  batch: SurrogateBatch,
  options?: ForwardOptions<Field>,
): SurrogateLoss<Field> {
  return withArray(policyLoss.forwardBackwardSync<Field>(tensorBatch(batch), options));
}

function tensorBatch(batch: SurrogateBatch): PolicyLossBatch {
  const { shape, logits, oldLogits, ...inputs } = ownFields(batch, 'batch');
  const tensor = (data: unknown) => ({ data, dtype: 'float32', shape });
  return {
    ...inputs,
    logits: tensor(logits),
    oldLogits: oldLogits === undefined ? undefined : tensor(oldLogits),
  } as PolicyLossBatch;
}

function withArray<Field extends TokenField>(result: LossAndGradient<Field, Tensor>): SurrogateLoss<Field> {
  return { ...result, gradLogits: result.gradLogits.data as Float32Array };
}
