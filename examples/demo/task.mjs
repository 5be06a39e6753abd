// The task: given a number, write an expression of one-digit numbers that equals it. A verifier decides, not a model.

/** Token ids are places in this string; `.` ends an answer and pads it. */
export const VOCABULARY = '0123456789+-*()=.';
export const END = VOCABULARY.indexOf('.');
/** Numbers to be reached. */
export const TARGETS = Array.from({ length: 50 }, (_, index) => 10 + index);
/** Two digits and `=`. */
export const PROMPT_LENGTH = 3;
/** Tokens of an answer with its end, at most. */
export const ANSWER_LENGTH = 8;

const encode = (text) => Array.from(text, (character) => VOCABULARY.indexOf(character));

/** Tokens of the question for a number. */
export const promptFor = (target) => encode(`${target}=`);

/** Tokens of an answer, ended and padded. */
export const answerFor = (expression) => encode(expression.padEnd(ANSWER_LENGTH, '.'));

/** An answer up to its end; undefined where it has none. */
export function expressionOf(answer) {
  const end = answer.indexOf(END);
  return end < 0 ? undefined : Array.from(answer.subarray(0, end), (token) => VOCABULARY[token]).join('');
}

/** The verifiable reward: 1 for an answer that has an end and equals the target, else 0. */
export function rewardOf(answer, target) {
  const expression = expressionOf(answer);
  return expression !== undefined && evaluate(expression) === target ? 1 : 0;
}

/**
 * Value of an expression of one-digit numbers, `+`, `-`, `*` and parentheses.
 * @returns undefined where the text is not one.
 */
export function evaluate(text) {
  let place = 0;
  const take = (characters) =>
    place < text.length && characters.includes(text[place]) ? text[place++] : undefined;
  const factor = () => {
    const digit = take('0123456789');
    if (digit !== undefined) return Number(digit);
    if (take('(') === undefined) return Number.NaN;
    const inner = sum();
    return take(')') === undefined ? Number.NaN : inner;
  };
  const product = () => {
    let value = factor();
    while (take('*') !== undefined) value *= factor();
    return value;
  };
  const sum = () => {
    let value = product();
    for (let sign = take('+-'); sign !== undefined; sign = take('+-')) {
      value += sign === '+' ? product() : -product();
    }
    return value;
  };
  const value = sum();
  return place === text.length && !Number.isNaN(value) ? value : undefined;
}
