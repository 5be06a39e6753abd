import { describe, expect, test } from 'vitest';
import { PolicyLoss, type PolicyLossOptions } from '../lib/index.js';
import { DEFAULTS, type LossName } from '../lib/options/defaults.js';
import { thrownBy } from './support/errors.js';

const LOSSES = Object.keys(DEFAULTS) as LossName[];
const OPTIONS = [...new Set(LOSSES.flatMap((loss) => Object.keys(DEFAULTS[loss])))];

function kindOf(loss: LossName): object {
  const [objective, form] = loss.split(' ');
  return form === undefined ? { objective } : { objective, form };
}

describe('an option that the loss would ignore is an error that names it', () => {
  const pairs = LOSSES.flatMap((loss) =>
    OPTIONS.filter((option) => !Object.hasOwn(DEFAULTS[loss], option)).map((option) => [loss, option]),
  ) as [LossName, string][];

  test.each(pairs)('%s: %s', (loss, option) => {
    const error = thrownBy(
      () => new PolicyLoss({ ...kindOf(loss), [option]: 1 } as unknown as PolicyLossOptions),
    );
    expect(error).toMatchObject({ code: 'ERR_OPTION_WITHOUT_EFFECT', argument: option });
    expect(error.message).toContain('it is an option of');
  });

  test('the table has pairs of every loss', () => {
    expect(new Set(pairs.map(([loss]) => loss)).size).toBe(10);
  });
});

test.each([
  ['klRefEstimator without klRefCoef', { objective: 'grpo', klRefEstimator: 'k1' }, 'klRefEstimator'],
  [
    'a filter for stored proxies',
    { objective: 'lp-reg', form: 'kept', proxy: 'stored', filter: { kind: 'min-p', kappa: 0.1 } },
    'filter',
  ],
  [
    'a filter for a snapshot',
    { objective: 'lp-reg', proxy: 'snapshot', filter: { kind: 'min-p', kappa: 0.1 } },
    'filter',
  ],
  [
    'checkFirst where nothing is checked',
    { objective: 'grpo', nonFinite: 'propagate', checkFirst: true },
    'checkFirst',
  ],
])('%s is an error', (_, options, argument) => {
  const error = thrownBy(() => new PolicyLoss(options as PolicyLossOptions));
  expect(error).toMatchObject({ code: 'ERR_OPTION_WITHOUT_EFFECT', argument });
});

test('a KL coefficient of 0, as a schedule may have, keeps its estimator', () => {
  const { options } = new PolicyLoss({ objective: 'grpo', klRefCoef: 0, klRefEstimator: 'k1' });
  expect(options.klRefEstimator).toBe('k1');
});

test('the form paper refuses stored log-probs, which are not a whole distribution', () => {
  const options = { objective: 'lp-reg', proxy: 'stored' } as unknown as PolicyLossOptions;
  expect(thrownBy(() => new PolicyLoss(options))).toMatchObject({ code: 'ERR_OPTION', argument: 'proxy' });
});
