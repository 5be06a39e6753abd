import type * as tensorflow from '@tensorflow/tfjs-core';
import type {
  DefaultTokenField,
  ForwardOptions,
  LossMetrics,
  PolicyLoss,
  PolicyLossBatch,
  TokenField,
  TokenResults,
} from '../../index.js';
import { scaledGradient, wantsGradient } from './gradient.js';
import { arraysOf, type TensorBatch, tensorIn } from './inputs.js';
import { tf } from './tensorflow.js';

/** A loss that TensorFlow.js can differentiate, and what a trainer logs. */
export interface DifferentiableLoss<Field extends TokenField> {
  /** The loss, differentiable by the tensor that it was computed from. */
  readonly loss: tensorflow.Scalar;
  /** The same as a number, before it is rounded to float32. */
  readonly lossValue: number;
  readonly metrics: LossMetrics;
  /** Per-token results; constants for TensorFlow.js. */
  readonly tokens: TokenResults<Field>;
}

/**
 * The loss of a batch as a scalar tensor that TensorFlow.js takes back to the logits; first derivatives only.
 *
 * While a gradient is being recorded, loss and gradient are computed together: the logits are then read once
 * where the loss allows it and need not outlive the forward pass, whereas forward and backward apart would read
 * them twice and hold them as long. A `gradOutput` other than 1 costs a sweep over the gradient. Otherwise
 * only the loss is computed.
 *
 * @param policyLoss - Which loss; its gradient is that of {@link PolicyLoss.forwardBackwardSync}.
 * @param batch - Its inputs. Nothing but the logits is differentiated. Tensors of the cpu backend are read
 *   where they are and the gradient is handed over without a copy; other backends copy each once.
 * @throws {LpRegError} As {@link PolicyLoss.forwardBackwardSync}; `ERR_DTYPE` for a tensor of another dtype,
 *   `ERR_SHAPE` for one of another shape than the rows, `ERR_PEER_DEPENDENCY` without TensorFlow.js. The pass
 *   backward throws `ERR_NON_FINITE_INPUT` for a `gradOutput` that is not finite.
 * @example
 * optimizer.minimize(() => differentiableLoss(policyLoss, { logits: model(tokens), ...batch }).loss);
 */
export function differentiableLoss<const Field extends TokenField = DefaultTokenField>(
  policyLoss: PolicyLoss,
  batch: TensorBatch<PolicyLossBatch>,
  options?: ForwardOptions<Field>,
): DifferentiableLoss<Field> {
  const logits = tensorIn(batch, 'logits');
  const inputs = arraysOf(batch) as unknown as PolicyLossBatch;
  if (!wantsGradient()) {
    const { loss, metrics, tokens } = policyLoss.forwardSync<Field>(inputs, options);
    return { loss: tf().scalar(loss), lossValue: loss, metrics, tokens };
  }
  const { loss, metrics, tokens, gradLogits } = policyLoss.forwardBackwardSync<Field>(inputs, options);
  const gradient = gradLogits.data as Float32Array;
  const { shape } = logits;
  const differentiable = tf().customGrad((_logits) => ({
    value: tf().scalar(loss),
    gradFunc: (gradOutput: tensorflow.Scalar) => scaledGradient(gradient, shape, gradOutput),
  }));
  return { loss: differentiable(logits), lossValue: loss, metrics, tokens };
}
