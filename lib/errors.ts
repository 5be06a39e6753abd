/** Stable names of everything this package raises on purpose. Branch on these; messages may change. */
export type LpRegErrorCode =
  | 'ERR_TYPE'
  | 'ERR_SHAPE'
  | 'ERR_DTYPE'
  | 'ERR_STRIDE'
  | 'ERR_ALIAS'
  | 'ERR_MISSING'
  | 'ERR_OPTION'
  | 'ERR_OPTION_WITHOUT_EFFECT'
  | 'ERR_MASK'
  | 'ERR_ACTION_RANGE'
  | 'ERR_NON_FINITE_INPUT'
  | 'ERR_NON_FINITE_LOGITS'
  | 'ERR_NON_FINITE_LOSS'
  | 'ERR_CONSUMED'
  | 'ERR_DISPOSED'
  | 'ERR_DETACHED'
  | 'ERR_ABORTED'
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_SNAPSHOT_TOO_LARGE'
  | 'ERR_BACKEND_UNAVAILABLE'
  | 'ERR_DEVICE'
  | 'ERR_LIBRARY'
  | 'ERR_PEER_DEPENDENCY'
  | 'ERR_FILE_FORMAT'
  | 'ERR_INTERNAL';

/**
 * What a failed call did to the caller's buffers: nothing, or an in-place gradient overwrote part of them.
 */
export type LpRegErrorStatus = 'untouched' | 'consumed';

/** What an {@link LpRegError} says beyond its code and message. */
export interface LpRegErrorDetails {
  /** Name of the offending argument or option, as the caller wrote it. */
  readonly argument?: string;
  /** First offending element or row. */
  readonly index?: number;
  /** @default 'untouched' */
  readonly status?: LpRegErrorStatus;
  readonly cause?: unknown;
}

/** Every failure that this package raises on purpose. */
export class LpRegError extends Error {
  override readonly name = 'LpRegError';
  readonly code: LpRegErrorCode;
  /** Name of the offending argument or option, as the caller wrote it. */
  declare readonly argument?: string;
  /** First offending element or row. */
  declare readonly index?: number;
  /** Whether the caller's buffers still hold what they held before the call. */
  readonly status: LpRegErrorStatus;

  constructor(code: LpRegErrorCode, message: string, details: LpRegErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    if (details.argument !== undefined) this.argument = details.argument;
    if (details.index !== undefined) this.index = details.index;
    this.status = details.status ?? 'untouched';
  }
}
