/**
 * Surrogates of the policy losses for frameworks without gradients of one's own.
 *
 * @module lp-reg/surrogate
 */
export {
  type SurrogateBatch,
  type SurrogateLoss,
  surrogateLoss,
  surrogateLossSync,
} from './surrogate-loss.js';
