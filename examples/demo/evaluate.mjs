// How good the policy is: pass@k and different correct answers on every target.
import { drawAnswers } from './policy.mjs';
import { expressionOf, rewardOf, TARGETS } from './task.mjs';

/** Answers per target. */
export const ANSWERS_DRAWN = 16;
/** Of pass@k. */
export const K = 8;

/** Probability that one of k answers is correct, given how many of n drawn ones are: 1 - C(n - c, k) / C(n, k). */
export function passAtK(n, correct, k) {
  let allWrong = 1;
  for (let i = 0; i < k; i++) allWrong *= Math.max(0, n - correct - i) / (n - i);
  return 1 - allWrong;
}

/** @returns `pass1`, `passK` and `distinct`, different correct answers among 16: each the mean over the targets. */
export function evaluatePolicy(weights, size, random) {
  const rollouts = drawAnswers(
    weights,
    size,
    TARGETS.flatMap((target) => Array(ANSWERS_DRAWN).fill(target)),
    random,
  );
  const results = TARGETS.map((target, i) => {
    const correct = rollouts
      .slice(i * ANSWERS_DRAWN, (i + 1) * ANSWERS_DRAWN)
      .filter(({ answer }) => rewardOf(answer, target) === 1)
      .map(({ answer }) => expressionOf(answer));
    return {
      pass1: correct.length / ANSWERS_DRAWN,
      passK: passAtK(ANSWERS_DRAWN, correct.length, K),
      distinct: new Set(correct).size,
    };
  });
  const mean = (field) => results.reduce((sum, result) => sum + result[field], 0) / results.length;
  return { pass1: mean('pass1'), passK: mean('passK'), distinct: mean('distinct') };
}
