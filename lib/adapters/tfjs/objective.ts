import type * as tensorflow from '@tensorflow/tfjs-core';
import type { ObjectiveBatch, ObjectiveField, PolicyLoss, TokenStatistics } from '../../index.js';
import { ownFields } from '../../tensors/own-fields.js';
import { scaledGradient } from './gradient.js';
import { arraysOf, type TensorBatch, tensorIn } from './inputs.js';
import { tf } from './tensorflow.js';
import type { DifferentiableLoss } from './whole-loss.js';

/** A batch of the scalar stage whose statistics are tensors, of `differentiableTokenStats` or a trainer's own. */
export type TensorObjectiveBatch = TensorBatch<Omit<ObjectiveBatch, 'tokens'>> & {
  /** Tensors `[B, T]` or `[N]`, of which `logProbs`, `entropy` and `kl` are differentiated; or arrays. */
  readonly tokens: TensorBatch<TokenStatistics>;
};

/** Statistics that have a gradient, and where the scalar stage leaves it. */
const COEFFICIENTS = { logProbs: 'coefLogProb', entropy: 'coefEntropy', kl: 'coefKl' } as const;

/**
 * The scalar stage as a scalar tensor that TensorFlow.js takes back to the statistics of each token; first
 * derivatives only.
 *
 * @param batch - As of {@link PolicyLoss.objectiveSync}; `shape` is that of the log-probabilities where these
 *   are a tensor `[B, T]`.
 * @throws {LpRegError} As {@link PolicyLoss.objectiveSync} and `differentiableLoss`.
 * @example
 * const { loss } = differentiableObjective(policyLoss, { tokens: { logProbs }, oldLogProbs, advantages, mask });
 */
export function differentiableObjective(
  policyLoss: PolicyLoss,
  batch: TensorObjectiveBatch,
): DifferentiableLoss<ObjectiveField> {
  const { tokens, ...inputs } = ownFields(batch, 'batch');
  const given = ownFields(tokens, 'tokens');
  const logProbs = tensorIn(given, 'logProbs', 'tokens.logProbs');
  const shape = logProbs.rank === 2 && inputs.cuSeqLens === undefined ? logProbs.shape : undefined;
  const arrays = { shape, ...arraysOf(inputs), tokens: arraysOf(given, 'tokens') };
  const result = policyLoss.objectiveSync(arrays as unknown as ObjectiveBatch);
  const fields = (Object.keys(COEFFICIENTS) as (keyof typeof COEFFICIENTS)[]).filter(
    (field) => given[field] instanceof tf().Tensor,
  );
  const statistics = fields.map((field) => given[field] as tensorflow.Tensor);
  const differentiable = tf().customGrad((..._statistics) => ({
    value: tf().scalar(result.loss),
    gradFunc: (gradOutput: tensorflow.Scalar) =>
      fields.map((field, i) =>
        scaledGradient(
          result.tokens[COEFFICIENTS[field]],
          (statistics[i] as tensorflow.Tensor).shape,
          gradOutput,
        ),
      ),
  }));
  return { ...result, loss: differentiable(...statistics), lossValue: result.loss };
}
