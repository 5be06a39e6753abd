/**
 * The policy losses for TensorFlow.js, differentiable: whole loss, per-token operation and scalar stage.
 * `@tensorflow/tfjs` or `@tensorflow/tfjs-core` 4 must be installed.
 *
 * @module lp-reg/tfjs
 */

export type { TensorBatch, TensorInput } from './inputs.js';
export { differentiableObjective, type TensorObjectiveBatch } from './objective.js';
export {
  type DifferentiableField,
  type DifferentiableTokenStats,
  differentiableTokenStats,
} from './token-stats.js';
export { type DifferentiableLoss, differentiableLoss } from './whole-loss.js';
