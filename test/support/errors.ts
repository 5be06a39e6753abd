/** What a call throws, for `expect(...).toMatchObject({ code, argument })`. */
import { expect } from 'vitest';
import { LpRegError } from '../../lib/index.js';

function asLpRegError(error: unknown): LpRegError {
  expect(error).toBeInstanceOf(LpRegError);
  return error as LpRegError;
}

/** The error of a call that must fail. */
export function thrownBy(call: () => unknown): LpRegError {
  try {
    call();
  } catch (error) {
    return asLpRegError(error);
  }
  throw new Error('nothing was thrown');
}

/** The error of a promise that must be rejected. */
export async function rejectionOf(promise: Promise<unknown>): Promise<LpRegError> {
  return asLpRegError(
    await promise.then(
      () => 'no rejection',
      (error) => error,
    ),
  );
}
