// What the contenders compute, and this library's result for it, which every other one must match before it is timed.
import { PolicyLoss, tokenStatsSync } from '../../dist/index.js';

// A larger rho than the default, so that some tokens of a batch of this size are regularised and the check of the results
// sees the KL term.
const LP_REG = { kappa: 0.02, beta: 1, clipLow: 1, clipHigh: 9, rho: 0.3 };
const FILTER = { kind: 'min-p', kappa: LP_REG.kappa };
const CLIP = { clipLow: LP_REG.clipLow, clipHigh: LP_REG.clipHigh };

/** Numbers that contenders in other languages need. */
export const PARAMETERS = LP_REG;

function loss(options) {
  const policyLoss = new PolicyLoss(options);
  return (batch) => {
    const { loss: value, metrics } = policyLoss.forwardBackwardSync(batch, {
      into: batch.logits,
      outputs: [],
    });
    return { loss: value, selected: metrics.selectedCount };
  };
}

function meanNegativeLogProb({ logProbs }) {
  return -logProbs.reduce((a, b) => a + b, 0) / logProbs.length;
}

/** Cross-entropy in one pass: CISPO with its ratio pinned to 1 and every advantage 1. */
function crossEntropy() {
  const pinned = loss({ objective: 'cispo', clipLow: 0, clipHigh: 0 });
  return (batch) => {
    const { loss: value } = pinned({ ...batch, advantages: new Float32Array(batch.actions.length).fill(1) });
    return { loss: value };
  };
}

function crossEntropyForward({ logits, actions }) {
  const stats = tokenStatsSync({ logits, actions }, { outputs: ['logProbs'] });
  stats.dispose();
  return { loss: meanNegativeLogProb(stats.tokens) };
}

/** Name -> how this library does it: takes the batch, overwrites its logits by the gradient, returns the loss. */
export const WORKS = {
  'lp-reg': {
    title: 'Lp-Reg as in the paper, loss and gradient, default selection',
    hasGradient: true,
    ours: loss({ objective: 'lp-reg', filter: FILTER, ...CLIP, rho: LP_REG.rho }),
  },
  'lp-reg-old-selection': {
    title: 'the same with the selection on old log-probabilities, which this library does in one pass',
    hasGradient: true,
    ours: loss({ objective: 'lp-reg', selectOn: 'old', filter: FILTER, ...CLIP, rho: LP_REG.rho }),
  },
  'lp-reg-reference': {
    title: 'Lp-Reg in the released form, loss and gradient',
    hasGradient: true,
    ours: loss({ objective: 'lp-reg', form: 'reference', filter: FILTER, ...CLIP, rhoNeg: LP_REG.rho }),
  },
  'cross-entropy': {
    title: 'cross-entropy, loss and gradient',
    hasGradient: true,
    ours: crossEntropy(),
  },
  'cross-entropy-forward': {
    title: 'cross-entropy, loss alone',
    hasGradient: false,
    ours: crossEntropyForward,
  },
};
