import { LpRegError } from '../errors.js';
import { type JobOptions, readJobOptions } from '../native/jobs.js';
import { flag } from '../options/checks.js';
import { DeviceData } from '../tensors/device-data.js';
import { fieldReader } from '../tensors/own-fields.js';
import type { DefaultTokenField, TokenField } from './token-fields.js';

/** Where the arrays that a call gives are. */
export interface KeepOption<OnDevice extends boolean = false> {
  /**
   * Leaves the arrays that the call gives in the memory of the device that holds the logits, as `DeviceArray`s, for
   * calls that go on there. An error for tensors of the host.
   * @default false: they are copied to the host
   */
  readonly keepOnDevice?: OnDevice | undefined;
}

/** Which per-token arrays a forward pass gives, and where. */
export interface ForwardOptions<
  Field extends TokenField = DefaultTokenField,
  OnDevice extends boolean = false,
> extends KeepOption<OnDevice> {
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

/** @param nothing - See `fieldReader`. */
export function callOptions<Name extends string>(nothing: CallFields<Name>): CallOptions<Name> {
  const readSync = fieldReader(nothing, undefined, '');
  const readJob = fieldReader<Name | keyof JobOptions>(
    { ...nothing, signal: undefined, onProgress: undefined },
    undefined,
    '',
  );
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

/**
 * Reads the option `keepOnDevice`.
 * @param array - The array that decides where the call runs.
 * @returns The device to keep the results on, if any.
 * @throws {LpRegError} `ERR_TYPE`, `ERR_OPTION_WITHOUT_EFFECT` for tensors of the host.
 */
export function readKeepOnDevice(keepOnDevice: unknown, array: unknown): number | undefined {
  if (keepOnDevice === undefined || !flag(keepOnDevice, 'keepOnDevice')) return undefined;
  if (array instanceof DeviceData) return array.device;
  const message = 'keepOnDevice: has no effect on tensors of the host';
  throw new LpRegError('ERR_OPTION_WITHOUT_EFFECT', message, { argument: 'keepOnDevice' });
}
