import { LpRegError } from '../errors.js';
import type { Placement } from '../native/context.js';
import type { RowOptions } from '../native/option-arguments.js';
import { missing, rejectWithoutCuda } from '../options/checks.js';
import { checkFilter, OPTION_CHECKS } from '../options/option-checks.js';
import type { Backend, DeviceCallOptions, Filter } from '../options/option-types.js';
import type { CallFields, KeepOption } from './call-options.js';
import type { TokenField } from './token-fields.js';

/** Options of {@link tokenStats}. */
export type TokenStatsOptions<
  Field extends TokenField = never,
  OnDevice extends boolean = false,
> = TokenStatsProxy &
  DeviceCallOptions &
  KeepOption<OnDevice> & {
    /** Divides the logits before every probability. Finite, above 0. @default 1 */
    readonly temperature?: number | undefined;
    /** Replaces each logit `z` by `softcap * tanh(z / softcap)`. Finite, above 0. @default off */
    readonly softcap?: number | undefined;
    /**
     * What a valid row with NaN, `+Infinity` or only `-Infinity` does: throw, or give NaN in that row.
     * @default 'error'
     */
    readonly nonFinite?: 'error' | 'propagate' | undefined;
    /** Where it is computed, as in the options of `PolicyLoss`. @default 'auto' */
    readonly backend?: Backend | undefined;
    /**
     * Statistics to give.
     * @default all that there are: with actions also `logProbs`, `proxyLogProbs` and `actionIsMax`, with a
     *   proxy also `logKeptMass`, `keepCount` and `kl`, which costs a pass of its own for a proxy of another
     *   policy
     */
    readonly outputs?: readonly Field[] | undefined;
  };

/** No proxy; one from logits under a filter; or one that was filtered before. */
export type TokenStatsProxy =
  | { readonly filter?: undefined; readonly proxy?: undefined }
  | {
      /** Which tokens the proxy keeps. */
      readonly filter: Filter;
      /** From these logits, or from the batch's `oldLogits`. @default 'current' */
      readonly proxy?: 'current' | 'old' | undefined;
    }
  | {
      readonly filter?: undefined;
      /** From the batch's `proxySnapshot`. */
      readonly proxy: 'snapshot';
    };

/** No {@link TokenStatsOptions}. */
export const NO_TOKEN_STATS_OPTIONS = {
  temperature: undefined,
  softcap: undefined,
  filter: undefined,
  proxy: undefined,
  nonFinite: undefined,
  backend: undefined,
  device: undefined,
  stagingBytes: undefined,
  outputs: undefined,
  keepOnDevice: undefined,
};

/** Options of one row, as given. */
type RowFields = CallFields<'temperature' | 'softcap' | 'nonFinite' | 'backend' | keyof DeviceCallOptions>;

/** Checked options of a per-token operation. */
export interface ResolvedRowOptions extends RowOptions, Placement {
  readonly nonFinite: 'error' | 'propagate';
}

/**
 * Checks options and fills in the defaults.
 * @throws {LpRegError} `ERR_TYPE`, `ERR_OPTION`, `ERR_MISSING`, `ERR_OPTION_WITHOUT_EFFECT`.
 */
export function readTokenStatsOptions(fields: CallFields<keyof TokenStatsOptions>): ResolvedRowOptions {
  return { ...readRowOptions(fields), ...readProxy(fields) };
}

/** The part that `proxySnapshot` has too. */
export function readRowOptions(fields: RowFields): Omit<ResolvedRowOptions, 'filter' | 'proxy'> {
  const read = (key: keyof RowFields, byDefault: unknown) =>
    fields[key] === undefined ? byDefault : OPTION_CHECKS[key](fields[key], key);
  const backend = read('backend', 'auto') as Backend;
  rejectWithoutCuda(fields, backend);
  return {
    temperature: read('temperature', 1) as number,
    softcap: read('softcap', undefined) as number | undefined,
    nonFinite: read('nonFinite', 'error') as 'error',
    backend,
    device: read('device', undefined) as number | undefined,
    stagingBytes: read('stagingBytes', undefined) as number | undefined,
  };
}

function readProxy(fields: CallFields<'filter' | 'proxy'>): Pick<RowOptions, 'filter' | 'proxy'> {
  const filter = fields.filter === undefined ? undefined : checkFilter(fields.filter, 'filter');
  const byDefault = filter === undefined ? 'none' : 'current';
  const proxy = fields.proxy === undefined ? byDefault : OPTION_CHECKS.proxy(fields.proxy, 'proxy');
  if (proxy === 'stored') {
    throw new LpRegError('ERR_OPTION', 'proxy: stored log-probs need no statistics', { argument: 'proxy' });
  }
  if (proxy === 'snapshot' && filter !== undefined) {
    throw new LpRegError(
      'ERR_OPTION_WITHOUT_EFFECT',
      "filter: has no effect with proxy: 'snapshot', filtered beforehand",
      {
        argument: 'filter',
      },
    );
  }
  if ((proxy === 'current' || proxy === 'old') && filter === undefined) {
    throw missing('filter', 'a proxy from logits needs one');
  }
  return { filter, proxy: proxy as NonNullable<RowOptions['proxy']> };
}
