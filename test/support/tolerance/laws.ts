/** How far two results of the library may lie apart where a law says that they are equal but for rounding. */
import type { ReferenceInput } from '../reference/case.js';
import type { ReferenceResult } from '../reference.js';
import { errorBounds } from './error-bounds.js';

/** Spacing of float64 numbers above 1. */
export const DOUBLE_ULP = 2 ** -52;
/** Error of central differences of a float64 loss, relative to the largest gradient and to the loss. */
const DIFFERENCE_ERROR = 1e-6;
/** The sampled KL estimators are clamped to this size, and the coefficients of both extras are below 1. */
const LARGEST_EXTRA = 10;
/** The `eps` of SEMANTICS §4, which counted divisors carry. */
export const COUNT_EPSILON = 1e-8;

/** What the loss is the weighted sum of. */
export interface SummedTokens {
  weight: ArrayLike<number>;
  tokenLoss: ArrayLike<number>;
  entropy: ArrayLike<number>;
}

function magnitudeOf({ weight, tokenLoss, entropy }: SummedTokens): number {
  let magnitude = 0;
  for (let i = 0; i < weight.length; i++) {
    const size = Math.abs(tokenLoss[i] as number) + (entropy[i] as number) + LARGEST_EXTRA;
    magnitude += (weight[i] as number) * size;
  }
  return magnitude;
}

/** Allowed difference of a loss whose tokens are summed in another order, or in several parts. */
export function lossOrderAllowance(tokens: SummedTokens): number {
  return tokens.weight.length * DOUBLE_ULP * magnitudeOf(tokens);
}

/** Allowed difference of a loss whose divisors are given from one that counts them, which adds 1e-8 to counts from 1. */
export function givenDivisorAllowance(tokens: SummedTokens): number {
  return COUNT_EPSILON * magnitudeOf(tokens);
}

/** Spacing of float32 numbers of this magnitude. */
export function float32Ulp(magnitude: number): number {
  return 2 ** (Math.max(Math.floor(Math.log2(magnitude)), -126) - 23);
}

/** Distance in float32 numbers of the expected magnitude. */
export function ulpsApart(actual: number, expected: number): number {
  return actual === expected ? 0 : Math.abs(actual - expected) / float32Ulp(Math.abs(expected));
}

/** A value that was computed in float64 or nearly so and stored as float32. */
export const STORED_ULPS = 1;
/** A value from a few float32 operations, `exp` among them. */
export const COMPUTED_ULPS = 4;

/** Allowed error of a log-probability, whose sum has a relative error even where the logarithm is 0. */
export function besideOneAllowance(logProb: number): number {
  return COMPUTED_ULPS * float32Ulp(1 + Math.abs(logProb));
}

/** Allowed difference of a row's gradient from central differences of the float64 loss. */
export function slopeAllowance(input: ReferenceInput, reference: ReferenceResult): (index: number) => number {
  const { grad: bounds } = errorBounds(input, reference);
  const largest = reference.grad.reduce((most, slope) => Math.max(most, Math.abs(slope)), 0);
  const ofDifference = DIFFERENCE_ERROR * (largest + Math.abs(reference.loss) + 1e-3);
  return (index) => {
    const size = Math.abs(reference.grad[index] as number);
    return (bounds[Math.floor(index / input.meta.V)] as number) + 2 * float32Ulp(size) + ofDifference;
  };
}

/** Allowed sum of a row of the gradient, which is 0 but for the rounding of its elements and of the row's normaliser. */
export function rowSumAllowance(row: ArrayLike<number>): number {
  let size = 0;
  for (let v = 0; v < row.length; v++) size += Math.abs(row[v] as number);
  return COMPUTED_ULPS * float32Ulp(size);
}
