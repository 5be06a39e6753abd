import { afterEach, expect, test } from 'vitest';
import { PolicyLoss, type PolicyLossOptions, tokenStatsSync } from '../lib/index.js';
import { thrownBy } from './support/errors.js';
import { smallBatch } from './support/small-batch.js';

/** Everything that is optional somewhere, with values that would change a result or fail. */
const POLLUTION: Record<string, unknown> = {
  beta: 1,
  softcap: 1,
  dualClip: 3,
  filter: { kind: 'min-p', kappa: 1 },
  proxy: 'stored',
  strides: [1, 1, 1],
  mask: new Uint8Array(6),
  cuSeqLens: Int32Array.of(0, 6),
  probThreshold: 1,
  outputs: [],
  into: {},
  signal: {},
  kl_cov_coef: 7,
  filter_kind: 1,
  prob_threshold: 1,
  old_logits: {},
  estimator: 2,
};

afterEach(() => {
  for (const key of Object.keys(POLLUTION)) Reflect.deleteProperty(Object.prototype, key);
});

function pollute(): void {
  for (const [key, value] of Object.entries(POLLUTION)) {
    Object.defineProperty(Object.prototype, key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
}

test.each<PolicyLossOptions>([
  { objective: 'grpo' },
  { objective: 'kl-cov' },
  { objective: 'lp-reg', form: 'kept' },
])('a polluted Object.prototype changes nothing: %o', (options) => {
  const evaluate = () => {
    const { mask: _, ...batch } = smallBatch();
    const { loss, metrics, tokens, gradLogits } = new PolicyLoss(options).forwardBackwardSync(batch);
    const stats = tokenStatsSync({ logits: batch.logits, actions: batch.actions });
    return { loss, metrics, tokens, gradient: gradLogits.data, stats: stats.tokens };
  };
  const clean = JSON.stringify(evaluate());
  pollute();
  const polluted = JSON.stringify(evaluate());
  expect(polluted).toBe(clean);
});

test('what options inherit is not read', () => {
  const options = Object.assign(Object.create({ clipLow: 'not a number' }), { objective: 'grpo' });
  expect(new PolicyLoss(options).options).toHaveProperty('clipLow', 0.2);
});

test('options without a prototype are accepted', () => {
  const options = Object.assign(Object.create(null), { objective: 'grpo', clipLow: 0.1 });
  expect(new PolicyLoss(options).options).toHaveProperty('clipLow', 0.1);
});

test('an own property called __proto__ is an unknown option', () => {
  const options = JSON.parse('{ "objective": "grpo", "__proto__": { "clipLow": 3 } }');
  expect(thrownBy(() => new PolicyLoss(options))).toMatchObject({
    code: 'ERR_OPTION_WITHOUT_EFFECT',
    argument: '__proto__',
  });
});
