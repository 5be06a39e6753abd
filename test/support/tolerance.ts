/**
 * How far a result may lie from its float64 value: the rule at the end of SEMANTICS §9 for golden vectors, and a rule
 * from element type, vocabulary and magnitudes for drawn batches. Tests type no numbers of their own.
 */
import { type HalfType, halfRounding } from './half.js';
import type { ReferenceInput } from './reference/case.js';
import type { ReferenceResult } from './reference.js';
import { type ErrorBounds, errorBounds } from './tolerance/error-bounds.js';
import { float32Ulp } from './tolerance/laws.js';
import type { ReferenceCase } from './vectors.js';

export * from './tolerance/laws.js';
export { metricViolations } from './tolerance/metric-bounds.js';

/** Element type in which the gradient under test was stored; the other fields are float32 or wider. */
export type GradientType = 'f32' | HalfType;

/** A computed result, keyed by the vectors' field names without `exp.`; `loss` has one element. */
export type ActualFields = Readonly<Record<string, ArrayLike<number> | undefined>>;

/** The worst element of one field that lies outside its tolerance. */
export interface Violation {
  field: string;
  index: number;
  actual: number;
  expected: number;
  error: number;
  allowed: number;
}

/** Vocabularies from which on results must be better than float32 PyTorch, not only comparable. */
const STRICT_VOCABULARY = 4099;
const STRICT_FIELDS = ['logp', 'grad'];

type Allowed = (index: number) => number;

function largestMagnitude(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i] as number);
    if (Number.isFinite(size)) largest = Math.max(largest, size);
  }
  return largest;
}

/** Non-finite values and discrete fields must agree exactly; `strict` refuses an error equal to the allowance. */
function worstViolation(
  field: string,
  actual: ArrayLike<number> | undefined,
  expected: ArrayLike<number>,
  allowedAt: Allowed,
  strict = false,
): Violation[] {
  if (actual === undefined || actual.length !== expected.length) {
    const length = actual?.length ?? 0;
    return [{ field, index: -1, actual: length, expected: expected.length, error: Infinity, allowed: 0 }];
  }
  let worst: Violation | undefined;
  for (let index = 0; index < expected.length; index++) {
    const [got, want] = [actual[index] as number, expected[index] as number];
    if (got === want) continue;
    const error = Math.abs(got - want);
    const allowed = allowedAt(index);
    const within = strict ? error < allowed : error <= allowed;
    if (within || (worst !== undefined && error - allowed <= worst.error - worst.allowed)) continue;
    // NaN and infinities come out as an infinite error.
    worst = {
      field,
      index,
      actual: got,
      expected: want,
      error: Number.isNaN(error) ? Infinity : error,
      allowed,
    };
  }
  return worst === undefined ? [] : [worst];
}

function isDiscrete(values: ArrayLike<number>): boolean {
  return values instanceof Uint8Array || values instanceof Int32Array;
}

/** What storing the gradient adds at one element. */
function storageRounding(type: GradientType, expected: number, computed: number): number {
  return type === 'f32' ? 0 : halfRounding(Math.abs(expected) + computed, type);
}

function vectorAllowance(vector: ReferenceCase, field: string, expected: ArrayLike<number>): number {
  if (isDiscrete(expected)) return 0;
  const torch = vector.meta.f32_torch_error[`${field}_abs`] ?? 0;
  return Math.max(1.5 * torch, 4 * float32Ulp(largestMagnitude(expected)));
}

function vectorFieldViolations(
  vector: ReferenceCase,
  field: string,
  actual: ArrayLike<number> | undefined,
  gradientType: GradientType,
): Violation[] {
  const expected = vector.expected[field] as ArrayLike<number>;
  const computed = vectorAllowance(vector, field, expected);
  const rounding: Allowed =
    field === 'grad' ? (i) => storageRounding(gradientType, expected[i] as number, computed) : () => 0;
  const found = worstViolation(field, actual, expected, (i) => computed + rounding(i));
  if (found.length > 0 || vector.meta.V < STRICT_VOCABULARY || !STRICT_FIELDS.includes(field)) return found;
  const torch = vector.meta.f32_torch_error[`${field}_abs`] as number;
  return worstViolation(`${field} (better than torch)`, actual, expected, (i) => torch + rounding(i), true);
}

/** Fields of a golden vector for people; a result under test does not have them. */
const NOT_RETURNED = ['cov'];

/**
 * Compares a result with a golden vector by the rule of SEMANTICS §9.
 * Fields that the vector has and `actual` lacks are violations with index -1.
 */
export function vectorViolations(
  vector: ReferenceCase,
  actual: ActualFields,
  gradientType: GradientType = 'f32',
): Violation[] {
  return Object.keys(vector.expected)
    .filter((field) => !NOT_RETURNED.includes(field))
    .flatMap((field) => vectorFieldViolations(vector, field, actual[field], gradientType));
}

/** Expected arrays of a drawn batch that a result has to hold, by the vectors' field names. */
function drawnExpectations(
  { meta }: ReferenceInput,
  { tokens, loss, grad }: ReferenceResult,
): Record<string, ArrayLike<number>> {
  const { cov: _, dual_clipped, ...returned } = tokens;
  return { ...returned, ...(meta.hyper.dual !== undefined && { dual_clipped }), loss: [loss], grad };
}

function drawnAllowance(
  field: string,
  bounds: ErrorBounds,
  expected: ArrayLike<number>,
  { meta }: ReferenceInput,
  gradientType: GradientType,
): Allowed {
  if (isDiscrete(expected)) return () => 0;
  const stored = (index: number) => 2 * float32Ulp(Math.abs(expected[index] as number));
  if (field === 'loss') return (index) => bounds.loss + stored(index);
  if (field === 'grad') {
    return (index) => {
      const computed = (bounds.grad[Math.floor(index / meta.V)] as number) + stored(index);
      return computed + storageRounding(gradientType, expected[index] as number, computed);
    };
  }
  const ofField = bounds.tokens[field];
  return (index) => (ofField?.[index] ?? 0) + stored(index);
}

/**
 * Compares a result for a drawn batch with its float64 reference. Decisions must agree exactly; the allowed errors
 * are those of float32 statistics of the row (`tolerance/error-bounds.ts`).
 */
export function drawnViolations(
  input: ReferenceInput,
  reference: ReferenceResult,
  actual: ActualFields,
  gradientType: GradientType = 'f32',
): Violation[] {
  const bounds = errorBounds(input, reference);
  return Object.entries(drawnExpectations(input, reference)).flatMap(([field, expected]) =>
    worstViolation(
      field,
      actual[field],
      expected,
      drawnAllowance(field, bounds, expected, input, gradientType),
    ),
  );
}

/** Fields that come straight from the rows. */
const STATISTICS = ['logp', 'entropy', 'log_kept_mass', 'proxy_logp', 'kl', 'keep_count'];

/**
 * Compares a result that was put together from per-token operation, scalar stage and vector-Jacobian product with a
 * golden vector. Between these the statistics are float32 numbers of the caller's, so that the rule of SEMANTICS §9
 * holds for them alone and that of drawn batches for everything after.
 */
export function inPartsViolations(
  vector: ReferenceCase,
  reference: ReferenceResult,
  actual: ActualFields,
): Violation[] {
  const statistics = Object.keys(vector.expected).filter((field) => STATISTICS.includes(field));
  return [
    ...statistics.flatMap((field) => vectorFieldViolations(vector, field, actual[field], 'f32')),
    ...drawnViolations(vector, reference, actual).filter(({ field }) => !STATISTICS.includes(field)),
  ];
}
