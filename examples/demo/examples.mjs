// Worked examples for the supervised start: random expressions, sorted by what they equal.
import { ANSWER_LENGTH, evaluate, TARGETS } from './task.mjs';

const DRAWS = 30_000;
/** As often as they are listed. */
const OPERATORS = '++-**';

/** One of a list or a string. */
export const pick = (random, list) => list[Math.floor(random.uniform() * list.length)];

const hasSum = (text) => /[+-]/.test(text.replace(/\(.*\)/g, ''));

function randomExpression(random, operands) {
  if (operands === 1) return pick(random, '123456789');
  const left = pick(random, operands === 2 ? [1] : [1, 2]);
  const [a, b] = [left, operands - left].map((count) => randomExpression(random, count));
  const operator = pick(random, OPERATORS);
  const inProduct = (text) => (operator === '*' && hasSum(text) ? `(${text})` : text);
  return `${inProduct(a)}${operator}${operator === '-' && hasSum(b) ? `(${b})` : inProduct(b)}`;
}

/**
 * Expressions of two or three numbers, by their value.
 * @returns A list for each target; an expression may stand in it several times.
 */
export function drawExamples(random) {
  const byTarget = new Map(TARGETS.map((target) => [target, []]));
  for (let draw = 0; draw < DRAWS; draw++) {
    const expression = randomExpression(random, pick(random, [2, 3]));
    if (expression.length < ANSWER_LENGTH) byTarget.get(evaluate(expression))?.push(expression);
  }
  return byTarget;
}
