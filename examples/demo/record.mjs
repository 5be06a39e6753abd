// What is logged of a step: rewards, entropy, the diagnostics of Lp-Reg, and how probable the drawn tokens were.
import { tokenStatsSync } from 'lp-reg';

const FILTER = { kind: 'min-p', kappa: 0.02 };
/** Bins of probability by halves of a power of ten; the first one takes everything below it. */
export const LOWEST_EXPONENT = -5;
export const BINS = -2 * LOWEST_EXPONENT;

const mean = (values) => (values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length);

function binOf(logProb) {
  const place = Math.floor(2 * (logProb / Math.LN10 - LOWEST_EXPONENT));
  return Math.min(BINS - 1, Math.max(0, place));
}

/** Drawn tokens by probability, apart by whether the filter keeps them, under any loss. */
function histogram(updates, filter) {
  const counts = { kept: Array(BINS).fill(0), dropped: Array(BINS).fill(0) };
  for (const { logits, inputs } of updates) {
    const { tokens } = tokenStatsSync(
      { logits, actions: inputs.actions, mask: inputs.mask },
      { filter, outputs: ['logProbs', 'proxyLogProbs'] },
    );
    tokens.logProbs.forEach((logProb, i) => {
      if (inputs.mask[i] === 0) return;
      counts[tokens.proxyLogProbs[i] === Number.NEGATIVE_INFINITY ? 'dropped' : 'kept'][binOf(logProb)]++;
    });
  }
  return counts;
}

/** Selection and pull of Lp-Reg. */
function diagnostics(updates) {
  const sum = (field) => updates.reduce((total, { metrics }) => total + metrics[field], 0);
  const probabilities = updates.flatMap(({ tokens }) =>
    Array.from(tokens.logProbs, Math.exp).filter((_, i) => tokens.selected[i] === 1),
  );
  const average = (field) => sum(field) / updates.length;
  return {
    lowestCount: sum('lowestCount'),
    protectedCount: sum('selectedCount'),
    protectedProbability: mean(probabilities),
    pullRatio: average('pullRatio'),
    keptMass: average('keptMass'),
    keptMassNegative: average('keptMassNegative'),
  };
}

/** A line of `metrics.jsonl` about a step of `trainByReward`. Nothing in it depends on the clock. */
export function stepRecord({ step, rollouts, updates }, lossOptions) {
  const isLpReg = lossOptions.objective === 'lp-reg';
  const tokens = updates.reduce((total, { metrics }) => total + metrics.validCount, 0);
  const overTokens = (field) =>
    updates.reduce((total, { metrics }) => total + metrics[field] * metrics.validCount, 0) / tokens;
  return {
    kind: 'step',
    step,
    reward: mean(rollouts.map(({ reward }) => reward)),
    entropy: overTokens('entropy'),
    loss: mean(updates.map(({ loss }) => loss)),
    answerLength: mean(rollouts.map(({ length }) => length)),
    tokens,
    negativeCount: updates.reduce((total, { metrics }) => total + metrics.negativeCount, 0),
    clipFraction: overTokens('clipFraction'),
    // The first update's policy is the one that drew the answers: what is left is the cache's rounding.
    rolloutGap: Math.max(updates[0].metrics.ratioMax - 1, 1 - updates[0].metrics.ratioMin),
    ...(isLpReg ? diagnostics(updates) : {}),
    histogram: histogram(updates, lossOptions.filter ?? FILTER),
  };
}
