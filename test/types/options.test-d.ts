/** Wrong combinations of options do not compile. Each @ts-expect-error is an error itself where its line compiles. */
import { describe, expectTypeOf, test } from 'vitest';
import type { PolicyLossOptions, ResolvedOptions } from '../../lib/index.js';

/** Takes options as the constructor does. */
declare function options(options: PolicyLossOptions): void;

const filter = { kind: 'min-p', kappa: 0.02 } as const;

describe('what compiles', () => {
  test('every objective on its own', () => {
    options({ objective: 'grpo' });
    options({ objective: 'gspo' });
    options({ objective: 'kl-cov' });
    options({ objective: 'clip-cov' });
    options({ objective: '80-20' });
    options({ objective: 'cispo' });
    options({ objective: 'sapo' });
    options({ objective: 'lp-reg' });
    options({ objective: 'lp-reg', form: 'paper' });
    options({ objective: 'lp-reg', form: 'reference' });
    options({ objective: 'lp-reg', form: 'kept' });
  });

  test('every option with its objective', () => {
    const common = {
      temperature: 1,
      softcap: 30,
      entropyCoef: 0.1,
      klRefCoef: 0.1,
      klRefEstimator: 'k1',
    } as const;
    const more = {
      nonFinite: 'propagate',
      checkFirst: false,
      backend: 'cpu',
      aggregation: 'token-mean',
    } as const;
    const surrogate = { clipLow: 0.2, clipHigh: Infinity, dualClip: 3, ratioCap: 4 };
    options({ objective: 'grpo', ...common, ...more, ...surrogate });
    options({ objective: 'gspo', ...common, ...surrogate });
    options({ objective: 'kl-cov', ...common, ...more, kPercent: 0.2, klCovCoef: 1 });
    options({ objective: 'clip-cov', ...surrogate, clipCovRatio: 0.1, covLow: 1, covHigh: 5, seed: 7 });
    options({ objective: '80-20', ...surrogate, topFraction: 0.2 });
    options({ objective: 'cispo', clipLow: 1, clipHigh: 4 });
    options({ objective: 'sapo', tauPos: 1, tauNeg: 1.05 });
    options({
      objective: 'lp-reg',
      ...surrogate,
      beta: 1,
      rho: 0.01,
      interpolation: 'linear',
      selectOn: 'old',
    });
    options({ objective: 'lp-reg', form: 'reference', rhoNeg: 0.01, rhoPos: 0.01, estimator: 'abs', filter });
    options({
      objective: 'lp-reg',
      form: 'kept',
      estimator: 'k2',
      filter: { kind: 'fixed', tau: 0.1, empty: 'uniform' },
    });
  });

  test('every proxy with its forms', () => {
    options({ objective: 'lp-reg', proxy: 'old', filter });
    options({ objective: 'lp-reg', proxy: 'snapshot' });
    options({ objective: 'lp-reg', form: 'reference', proxy: 'stored', selectOn: 'old' });
    options({ objective: 'lp-reg', form: 'kept', proxy: 'stored' });
    options({ objective: 'lp-reg', form: 'kept', proxy: 'snapshot' });
  });

  test('an option that may be undefined', () => {
    options({ objective: 'grpo', dualClip: undefined });
    options({ objective: 'lp-reg', form: undefined, filter: undefined });
  });
});

describe('an objective that is missing or unknown does not compile', () => {
  test('', () => {
    // @ts-expect-error
    options({});
    // @ts-expect-error
    options({ clipLow: 0.2 });
    // @ts-expect-error
    options({ objective: 'ppo' });
    // @ts-expect-error
    options({ objective: 'lp-reg', form: 'released' });
    // @ts-expect-error
    options({ objective: 'grpo', form: 'paper' });
  });
});

describe('an option of another loss does not compile', () => {
  test('clipping', () => {
    // @ts-expect-error
    options({ objective: 'kl-cov', clipLow: 0.2 });
    // @ts-expect-error
    options({ objective: 'sapo', clipHigh: 0.2 });
    // @ts-expect-error
    options({ objective: 'cispo', dualClip: 3 });
    // @ts-expect-error
    options({ objective: 'sapo', ratioCap: 3 });
  });

  test('aggregation', () => {
    // @ts-expect-error
    options({ objective: 'gspo', aggregation: 'token-mean' });
    // @ts-expect-error
    options({ objective: 'grpo', aggregation: 'sum' });
  });

  test('parameters of one loss', () => {
    // @ts-expect-error
    options({ objective: 'grpo', kPercent: 0.2 });
    // @ts-expect-error
    options({ objective: 'kl-cov', seed: 1 });
    // @ts-expect-error
    options({ objective: 'grpo', topFraction: 0.2 });
    // @ts-expect-error
    options({ objective: 'cispo', tauPos: 1 });
    // @ts-expect-error
    options({ objective: 'grpo', beta: 1 });
    // @ts-expect-error
    options({ objective: 'grpo', filter });
    // @ts-expect-error
    options({ objective: 'gspo', rho: 0.01 });
  });

  test('parameters of one form of Lp-Reg', () => {
    // @ts-expect-error
    options({ objective: 'lp-reg', rhoNeg: 0.01 });
    // @ts-expect-error
    options({ objective: 'lp-reg', estimator: 'k3' });
    // @ts-expect-error
    options({ objective: 'lp-reg', form: 'reference', rho: 0.01 });
    // @ts-expect-error
    options({ objective: 'lp-reg', form: 'reference', interpolation: 'lower' });
    // @ts-expect-error
    options({ objective: 'lp-reg', form: 'kept', rho: 0.01 });
    // @ts-expect-error
    options({ objective: 'lp-reg', form: 'kept', rhoNeg: 0.01 });
    // @ts-expect-error
    options({ objective: 'lp-reg', form: 'kept', selectOn: 'old' });
  });
});

describe('a proxy that cannot be does not compile', () => {
  test('stored log-probs are not a distribution', () => {
    // @ts-expect-error
    options({ objective: 'lp-reg', proxy: 'stored' });
    // @ts-expect-error
    options({ objective: 'lp-reg', form: 'paper', proxy: 'stored' });
  });

  test('a proxy that was filtered beforehand takes no filter', () => {
    // @ts-expect-error
    options({ objective: 'lp-reg', form: 'reference', proxy: 'stored', filter });
    // @ts-expect-error
    options({ objective: 'lp-reg', form: 'kept', proxy: 'snapshot', filter });
    // @ts-expect-error
    options({ objective: 'lp-reg', proxy: 'snapshot', filter });
  });

  test('a filter has the parameters of its kind', () => {
    // @ts-expect-error
    options({ objective: 'lp-reg', filter: { kind: 'min-p' } });
    // @ts-expect-error
    options({ objective: 'lp-reg', filter: { kind: 'min-p', tau: 0.1 } });
    // @ts-expect-error
    options({ objective: 'lp-reg', filter: { kind: 'fixed', kappa: 0.1 } });
    // @ts-expect-error
    options({ objective: 'lp-reg', filter: { kind: 'min-p', kappa: 0.1, empty: 'argmax' } });
  });
});

describe('a value of another type does not compile', () => {
  test('', () => {
    // @ts-expect-error
    options({ objective: 'grpo', clipLow: '0.2' });
    // @ts-expect-error
    options({ objective: 'grpo', clipLow: null });
    // @ts-expect-error
    options({ objective: 'grpo', klRefEstimator: 'low_var_kl' });
    // @ts-expect-error
    options({ objective: 'grpo', nonFinite: 'ignore' });
    // @ts-expect-error
    options({ objective: 'grpo', checkFirst: 1 });
  });
});

describe('resolved options', () => {
  test('have a value for everything that is not off by default', () => {
    expectTypeOf<ResolvedOptions['temperature']>().toEqualTypeOf<number>();
    expectTypeOf<ResolvedOptions['softcap']>().toEqualTypeOf<number | undefined>();
    type Paper = Extract<ResolvedOptions, { form: 'paper'; proxy: 'current' | 'old' }>;
    expectTypeOf<Paper['rho']>().toEqualTypeOf<number>();
    expectTypeOf<Paper['filter']['kind']>().toEqualTypeOf<'min-p' | 'fixed'>();
  });
});
