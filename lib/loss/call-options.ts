import { type JobOptions, readJobOptions } from '../native/jobs.js';
import { fieldReader } from '../tensors/own-fields.js';
import type { DefaultTokenField, TokenField } from './token-fields.js';

/** Which per-token arrays a forward pass gives. */
export interface ForwardOptions<Field extends TokenField = DefaultTokenField> {
  /**
   * Per-token results to compute; an empty list gives none and is fastest.
   * @default every field that applies to the loss, except `logSumExp`, `actionIsMax` and a `kl` that would
   *   cost a pass
   */
  readonly outputs?: readonly Field[] | undefined;
}

/** Own properties of the options of a call. */
export type CallFields<Name extends string> = Readonly<Record<Name, unknown>>;

/** Reads the options of a call, and those of its asynchronous form, which can be aborted and watched. */
export interface CallOptions<Name extends string> {
  /** @throws {LpRegError} `ERR_TYPE`, `ERR_OPTION_WITHOUT_EFFECT`. */
  sync(options: object | null | undefined): CallFields<Name>;
  /** @throws {LpRegError} As {@link sync}. */
  job(options: object | null | undefined): [fields: CallFields<Name>, job: JobOptions];
}

/** @param empty - See `fieldReader`. */
export function callOptions<Name extends string>(empty: () => Record<Name, unknown>): CallOptions<Name> {
  const readSync = fieldReader(empty, undefined, '');
  const readJob = fieldReader<Name | keyof JobOptions>(
    () => ({ ...empty(), signal: undefined, onProgress: undefined }),
    undefined,
    '',
  );
  const nothing = empty();
  return {
    sync: (options) => (isAbsent(options) ? nothing : readSync(options, 'options')),
    job: (options) => {
      if (isAbsent(options)) return [nothing, {}];
      const fields = readJob(options, 'options');
      return [fields, readJobOptions(fields)];
    },
  };
}

function isAbsent(options: object | null | undefined): options is null | undefined {
  return options === undefined || options === null;
}
