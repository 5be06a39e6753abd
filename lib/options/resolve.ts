import { LpRegError } from '../errors.js';
import { type Fields, ownFields, rejectUnknownFields } from '../tensors/own-fields.js';
import { missing, oneOf, rejectWithoutCuda } from './checks.js';
import { DEFAULTS, type LossName, type OptionName } from './defaults.js';
import { optionHint } from './misspellings.js';
import { OPTION_CHECKS } from './option-checks.js';
import type { PolicyLossOptions, ResolvedOptions } from './option-types.js';

const OBJECTIVES = ['grpo', 'gspo', 'kl-cov', 'clip-cov', '80-20', 'cispo', 'sapo', 'lp-reg'] as const;

/**
 * Checks options and fills in the defaults.
 * @returns A frozen object.
 * @throws {LpRegError} `ERR_MISSING`, `ERR_TYPE`, `ERR_OPTION` for a value out of range,
 *   `ERR_OPTION_WITHOUT_EFFECT` for an option that the loss ignores; `argument` names the option.
 */
export function resolveOptions(options: PolicyLossOptions): ResolvedOptions {
  const given = ownFields(options, 'options');
  const kind = readKind(given);
  const loss = lossName(kind as ResolvedOptions);
  rejectUnknownFields(given, [...Object.keys(kind), ...Object.keys(DEFAULTS[loss])], '', (key) =>
    optionHint(key, loss),
  );
  const resolved: Record<string, unknown> = Object.assign(Object.create(null), kind);
  for (const [key, byDefault] of Object.entries(DEFAULTS[loss])) {
    const value = given[key] === undefined ? byDefault : given[key];
    resolved[key] = value === undefined ? undefined : OPTION_CHECKS[key as OptionName](value, key);
  }
  rejectConflicts(given, resolved);
  if (isGivenProxy(resolved.proxy)) delete resolved.filter;
  return Object.freeze({ ...resolved }) as unknown as ResolvedOptions;
}

/** Entry of {@link DEFAULTS} for a loss. */
export function lossName(kind: Pick<ResolvedOptions, 'objective'> & { readonly form?: string }): LossName {
  return kind.objective === 'lp-reg' ? (`lp-reg ${kind.form}` as LossName) : kind.objective;
}

/** A proxy that was filtered where it was made. */
function isGivenProxy(proxy: unknown): boolean {
  return proxy === 'stored' || proxy === 'snapshot';
}

function readKind(given: Fields): {
  objective: (typeof OBJECTIVES)[number];
  form?: 'paper' | 'reference' | 'kept';
} {
  if (given.objective === undefined)
    throw missing('objective', `one of ${OBJECTIVES.join(', ')} must be chosen`);
  const objective = oneOf(...OBJECTIVES)(given.objective, 'objective');
  if (objective !== 'lp-reg') return { objective };
  const form = given.form === undefined ? 'paper' : oneOf('paper', 'reference', 'kept')(given.form, 'form');
  return { objective, form };
}

/** Combinations in which one option makes another pointless or impossible. */
function rejectConflicts(given: Fields, resolved: Fields): void {
  const fail = (code: 'ERR_OPTION' | 'ERR_OPTION_WITHOUT_EFFECT', argument: string, why: string) => {
    throw new LpRegError(code, `${argument}: ${why}`, { argument });
  };
  rejectWithoutCuda(given, resolved.backend);
  if (given.klRefEstimator !== undefined && given.klRefCoef === undefined) {
    fail('ERR_OPTION_WITHOUT_EFFECT', 'klRefEstimator', 'has no effect without klRefCoef');
  }
  if (resolved.checkFirst === true && resolved.nonFinite === 'propagate') {
    fail(
      'ERR_OPTION_WITHOUT_EFFECT',
      'checkFirst',
      "has no effect with nonFinite: 'propagate', which checks nothing",
    );
  }
  if ((resolved.covLow as number) > (resolved.covHigh as number)) {
    fail('ERR_OPTION', 'covLow', 'must not be above covHigh');
  }
  if (isGivenProxy(resolved.proxy) && given.filter !== undefined) {
    fail(
      'ERR_OPTION_WITHOUT_EFFECT',
      'filter',
      `has no effect with proxy: '${resolved.proxy}', filtered beforehand`,
    );
  }
  if (resolved.form === 'paper' && resolved.proxy === 'stored') {
    fail(
      'ERR_OPTION',
      'proxy',
      "form 'paper' needs the whole proxy distribution, of which stored log-probs hold one",
    );
  }
}
