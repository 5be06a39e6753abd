import { LpRegError } from '../errors.js';
import { describe, type Fields } from '../tensors/own-fields.js';
import type { OperationName, Operations } from './addon-types.js';
import { addon } from './binding.js';
import type { ContextHandle } from './context.js';
import { toError, unwrap } from './failure.js';

/** How far an asynchronous call has come. */
export interface Progress {
  /** Rows finished in the pass under way; a call may take two or three passes. */
  readonly rowsDone: number;
  /** Rows of the batch. */
  readonly rows: number;
}

/** Options of every asynchronous call. */
export interface JobOptions {
  /**
   * Aborts the call with `ERR_ABORTED`, whose `cause` is the signal's reason: queued calls at once, running
   * ones soon.
   */
  readonly signal?: AbortSignal | undefined;
  /** Called about ten times a second while the call runs. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

const PROGRESS_INTERVAL_MS = 100;

/** Runs an operation on this thread. */
export function run<Name extends OperationName>(
  context: ContextHandle,
  operation: Name,
  argument: Operations[Name]['arguments'],
): Operations[Name]['value'] {
  return unwrap(addon().run(context.native, operation, argument));
}

/**
 * Runs an operation off the event loop. Inputs that may change meanwhile have been copied when this returns
 * its promise.
 * @param rows - Rows of the batch, for progress.
 */
export async function runJob<Name extends OperationName>(
  context: ContextHandle,
  operation: Name,
  argument: Operations[Name]['arguments'],
  { signal, onProgress }: JobOptions,
  rows: number,
): Promise<Operations[Name]['value']> {
  if (signal?.aborted) {
    throw new LpRegError('ERR_ABORTED', 'the call was aborted before it began', { cause: signal.reason });
  }
  const { id, promise } = unwrap(addon().submit(context.native, operation, argument));
  const abort = () => unwrap(addon().abort(id));
  const report = () => onProgress?.({ rowsDone: unwrap(addon().rowsDone(id)), rows });
  const timer = onProgress && setInterval(report, PROGRESS_INTERVAL_MS);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const outcome = await promise;
    if (outcome.error !== undefined)
      throw toError(outcome.error, signal?.aborted ? signal.reason : undefined);
    return outcome.value;
  } finally {
    signal?.removeEventListener('abort', abort);
    clearInterval(timer);
  }
}

/** Names of {@link JobOptions}. */
export const JOB_OPTIONS = ['signal', 'onProgress'] as const;

/**
 * Takes the job options out of a call's options.
 * @throws {LpRegError} `ERR_TYPE`.
 */
export function readJobOptions({ signal, onProgress }: Fields): JobOptions {
  const isSignal =
    typeof signal === 'object' && signal !== null && 'aborted' in signal && 'addEventListener' in signal;
  if (signal !== undefined && !isSignal) throw wrongType('signal', 'an AbortSignal', signal);
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw wrongType('onProgress', 'a function', onProgress);
  }
  return { signal, onProgress } as JobOptions;
}

function wrongType(argument: string, expected: string, received: unknown): LpRegError {
  return new LpRegError('ERR_TYPE', `${argument}: expected ${expected}, received ${describe(received)}`, {
    argument,
  });
}
