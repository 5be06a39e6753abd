import type {
  CispoOptions,
  ClipCovOptions,
  GrpoOptions,
  GspoOptions,
  KlCovOptions,
  SapoOptions,
  TopEntropyOptions,
} from './compared-options.js';
import type { LpRegOptions } from './lp-reg-options.js';

export type * from './common-options.js';
export type * from './compared-options.js';
export type * from './lp-reg-options.js';

/**
 * Which policy loss is computed, and how. `objective` (and `form`, for Lp-Reg) decide which options there
 * are; one that the loss would ignore does not compile, and fails at run time with
 * `ERR_OPTION_WITHOUT_EFFECT`.
 */
export type PolicyLossOptions =
  | GrpoOptions
  | GspoOptions
  | KlCovOptions
  | ClipCovOptions
  | TopEntropyOptions
  | CispoOptions
  | SapoOptions
  | LpRegOptions;

/** Options that are off unless given. */
export type OffByDefault = 'softcap' | 'dualClip' | 'ratioCap' | 'device' | 'stagingBytes';

/** {@link PolicyLossOptions} with every default filled in; those that are off are `undefined`. */
export type ResolvedOptions = Resolve<PolicyLossOptions>;

/** A loss of {@link PolicyLossOptions} with its defaults. */
export type Resolve<Options> = Options extends unknown
  ? {
      readonly [Key in keyof Options as Exclude<Options[Key], undefined> extends never
        ? never
        : Key]-?: Key extends OffByDefault ? Options[Key] : Exclude<Options[Key], undefined>;
    }
  : never;
