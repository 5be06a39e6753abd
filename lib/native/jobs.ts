import { LpRegError } from '../errors.js';
import { describe } from '../tensors/own-fields.js';
import type { OperationName, OperationValues } from './addon-types.js';
import type { CallArguments } from './arguments.js';
import { addon } from './binding.js';
import type { ContextHandle } from './context.js';
import { guarded, toError } from './failure.js';
import { OPERATION_ORDER } from './names.js';

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
  values: CallArguments,
): OperationValues[Name] {
  try {
    return addon().run(context.native, numberOf(operation), ...values) as OperationValues[Name];
  } catch (thrown) {
    throw toError(thrown);
  }
}

/**
 * Runs an operation off the event loop. Inputs that may change meanwhile have been copied when this returns
 * its promise.
 * @param rows - Rows of the batch, for progress.
 */
export async function runJob<Name extends OperationName>(
  context: ContextHandle,
  operation: Name,
  values: CallArguments,
  { signal, onProgress }: JobOptions,
  rows: number,
): Promise<OperationValues[Name]> {
  if (signal?.aborted) {
    throw new LpRegError('ERR_ABORTED', 'the call was aborted before it began', { cause: signal.reason });
  }
  const { id, promise } = guarded(() => addon().submit(context.native, numberOf(operation), ...values));
  const abort = () => guarded(() => addon().abort(id));
  const report = () => onProgress?.({ rowsDone: guarded(() => addon().rowsDone(id)), rows });
  const timer = onProgress && setInterval(report, PROGRESS_INTERVAL_MS);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return (await promise) as OperationValues[Name];
  } catch (thrown) {
    throw toError(thrown, signal?.aborted ? signal.reason : undefined);
  } finally {
    signal?.removeEventListener('abort', abort);
    clearInterval(timer);
  }
}

function numberOf(operation: OperationName): number {
  return OPERATION_ORDER.indexOf(operation);
}

/**
 * Takes the job options out of a call's options.
 * @throws {LpRegError} `ERR_TYPE`.
 */
export function readJobOptions({
  signal,
  onProgress,
}: Readonly<Record<keyof JobOptions, unknown>>): JobOptions {
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
