import { JOB_OPTIONS, type JobOptions, readJobOptions } from '../native/jobs.js';
import { type Fields, ownFields, rejectUnknownFields } from '../tensors/own-fields.js';
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

/**
 * Own fields of a synchronous call's options.
 * @throws {LpRegError} `ERR_TYPE`, `ERR_OPTION_WITHOUT_EFFECT`.
 */
export function callFields(options: object | undefined, known: readonly string[]): Fields {
  const fields = ownFields(options ?? {}, 'options');
  rejectUnknownFields(fields, known, '');
  return fields;
}

/** {@link callFields} of an asynchronous call, which can be aborted and watched. */
export function jobFields(
  options: object | undefined,
  known: readonly string[],
): [fields: Fields, job: JobOptions] {
  const fields = callFields(options, [...known, ...JOB_OPTIONS]);
  return [fields, readJobOptions(fields)];
}
