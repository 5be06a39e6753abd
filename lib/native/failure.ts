import { LpRegError, type LpRegErrorCode } from '../errors.js';
import type { NativeFailure } from './addon-types.js';
import { ARGUMENT_NAMES } from './names.js';

/** Codes by `lpreg_status`. */
const CODES: readonly LpRegErrorCode[] = [
  'ERR_INTERNAL', // LPREG_OK is no failure
  'ERR_INTERNAL',
  'ERR_TYPE',
  'ERR_SHAPE',
  'ERR_DTYPE',
  'ERR_STRIDE',
  'ERR_ALIAS',
  'ERR_MISSING',
  'ERR_OPTION',
  'ERR_OPTION_WITHOUT_EFFECT',
  'ERR_MASK',
  'ERR_ACTION_RANGE',
  'ERR_NON_FINITE_INPUT',
  'ERR_NON_FINITE_LOGITS',
  'ERR_NON_FINITE_LOSS',
  'ERR_INTERNAL', // LPREG_ERR_WORKSPACE: workspaces are this package's own
  'ERR_OUT_OF_MEMORY',
  'ERR_SNAPSHOT_TOO_LARGE',
  'ERR_ABORTED',
  'ERR_BACKEND_UNAVAILABLE',
  'ERR_DEVICE',
];

/** Codes by the addon's own statuses, from 1000 on. */
const ADDON_CODES: readonly LpRegErrorCode[] = ['ERR_DETACHED', 'ERR_DISPOSED'];

const ADDON_BASE = 1000;
const CONSUMED = 1;

/** Calls the addon; what it throws becomes an {@link LpRegError}. */
export function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw toError(thrown);
  }
}

/**
 * @param thrown - By the addon: a {@link NativeFailure}, or an error that passes through.
 * @param cause - Why the call was aborted.
 */
export function toError(thrown: unknown, cause?: unknown): unknown {
  return thrown instanceof Error ? thrown : fromFailure(thrown as NativeFailure, cause);
}

/** @param cause - Why the call was aborted. */
export function fromFailure(failure: NativeFailure, cause?: unknown): LpRegError {
  const { status } = failure;
  const code = (status < ADDON_BASE ? CODES[status] : ADDON_CODES[status - ADDON_BASE]) ?? 'ERR_INTERNAL';
  const argument = ARGUMENT_NAMES.get(failure.argument) ?? failure.argument;
  const at = failure.index < 0 ? '' : ` (first at index ${failure.index})`;
  return new LpRegError(code, `${argument === '' ? '' : `${argument}: `}${failure.message}${at}`, {
    ...(argument === '' ? {} : { argument }),
    ...(failure.index < 0 ? {} : { index: failure.index }),
    status: failure.outputStatus === CONSUMED ? 'consumed' : 'untouched',
    cause,
  });
}
