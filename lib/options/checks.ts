import { LpRegError } from '../errors.js';
import { describe } from '../tensors/own-fields.js';

/** Returns the value if it is acceptable under the caller's name `argument`, else throws. */
export type Check<T = unknown> = (value: unknown, argument: string) => T;

/**
 * A number that `holds` accepts. `ERR_TYPE` for anything else than a number, `ERR_OPTION` for one out of
 * range.
 */
export function numberThat(expected: string, holds: (value: number) => boolean): Check<number> {
  return (value, argument) => {
    const fail = (code: 'ERR_TYPE' | 'ERR_OPTION') =>
      new LpRegError(code, `${argument}: expected ${expected}, received ${describe(value)}`, { argument });
    if (typeof value !== 'number') throw fail('ERR_TYPE');
    if (!holds(value)) throw fail('ERR_OPTION');
    return value;
  };
}

/** An integer from `least`. */
export const integerFrom = (least: number) =>
  numberThat(`an integer from ${least}`, (value) => Number.isSafeInteger(value) && value >= least);

/** One of some words. `ERR_TYPE` for anything else than a string, `ERR_OPTION` for an unknown one. */
export function oneOf<Word extends string>(...words: readonly Word[]): Check<Word> {
  const expected = words.map((word) => `'${word}'`).join(', ');
  return (value, argument) => {
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    const code = typeof value === 'string' ? 'ERR_OPTION' : 'ERR_TYPE';
    throw new LpRegError(code, `${argument}: expected one of ${expected}, received ${describe(value)}`, {
      argument,
    });
  };
}

/** `true` or `false`. */
export const flag: Check<boolean> = (value, argument) => {
  if (typeof value === 'boolean') return value;
  throw new LpRegError('ERR_TYPE', `${argument}: expected true or false, received ${describe(value)}`, {
    argument,
  });
};

/** The error for something that must be there. */
export function missing(argument: string, why: string): LpRegError {
  return new LpRegError('ERR_MISSING', `${argument}: ${why}`, { argument });
}

/** Any finite number. */
export const finite = numberThat('a finite number', Number.isFinite);
/** A finite number above 0. */
export const positive = numberThat('a finite number above 0', (value) => value > 0 && value < Infinity);
/** A finite number from 0. */
export const notNegative = numberThat('a finite number from 0', (value) => value >= 0 && value < Infinity);
/** A number in [0, 1]. */
export const fraction = numberThat('a number in [0, 1]', (value) => value >= 0 && value <= 1);

/** Throws unless options that only the CUDA back end has are given to it. */
export function rejectWithoutCuda(given: Readonly<Record<string, unknown>>, backend: unknown): void {
  for (const argument of ['device', 'stagingBytes']) {
    if (given[argument] === undefined || backend === 'cuda') continue;
    const message = `${argument}: has no effect without backend: 'cuda'`;
    throw new LpRegError('ERR_OPTION_WITHOUT_EFFECT', message, { argument });
  }
}
