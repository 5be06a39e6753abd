import { expect, test } from 'vitest';
import { PolicyLoss, tokenStatsSync } from '../lib/index.js';
import { smallBatch } from './support/small-batch.js';

test.each(['reference', 'kept'] as const)(
  'stored proxies of the policy itself, nothing dropped: form %s selects nothing',
  (form) => {
    const batch = smallBatch(8, 16, 300);
    const proxy = { proxy: 'current', filter: { kind: 'min-p', kappa: 0 } } as const;
    const { tokens } = tokenStatsSync({ logits: batch.logits, actions: batch.actions }, proxy);
    const policyLoss = new PolicyLoss(
      form === 'kept'
        ? { objective: 'lp-reg', form, proxy: 'stored' }
        : { objective: 'lp-reg', form, proxy: 'stored', rhoNeg: 1 },
    );
    const { metrics } = policyLoss.forwardSync({ ...batch, proxyLogProbs: tokens.proxyLogProbs });
    expect(metrics.negativeCount).toBeGreaterThan(20);
    expect(metrics.lowestCount).toBeGreaterThan(20);
    expect(metrics.selectedCount).toBe(0);
  },
);
