/** Benchmarks on inputs that are not what they say would measure something else. */
import { describe, expect, it } from 'vitest';
import { drawBatch } from '../lib/bench/draw-batch.js';
import { drawLogits } from '../lib/bench/draw-logits.js';
import { encode } from '../lib/bench/half-bits.js';
import { measureCase } from '../lib/bench/measure-case.js';
import { sampleOnce } from '../lib/bench/race.js';
import { Workbench } from '../lib/bench/workbench.js';
import { tokenStatsSync } from '../lib/index.js';
import { encodeHalf } from './support/half.js';

const RECIPE = { shape: [2, 8, 2000], dtype: 'float32', distribution: 'peaked', seed: 1 } as const;
const SHORT = { minRounds: 1, maxRounds: 1, budget: 0 };

describe('inputs of benchmarks', () => {
  it.each(['bfloat16', 'float16'] as const)('%s bits are those of the test tools', (dtype) => {
    const logits = drawLogits('peaked', 2, 1000, 3).filter((value) => Math.abs(value) > 2 ** -14);
    expect(encode(logits, dtype)).toEqual(encodeHalf(logits, dtype === 'bfloat16' ? 'bf16' : 'f16'));
  });

  it('the same recipe gives the same batch', () => {
    expect(drawBatch(RECIPE)).toEqual(drawBatch(RECIPE));
  });

  it('peaked logits have a small entropy and flat ones nearly that of the uniform distribution', () => {
    const entropy = (distribution: 'peaked' | 'flat') => {
      const { batch } = new Workbench({ ...RECIPE, distribution });
      const { tokens } = tokenStatsSync({ logits: batch.logits, actions: batch.actions });
      return tokens.entropy.reduce((a, b) => a + b, 0) / tokens.entropy.length;
    };
    expect(entropy('peaked')).toBeLessThan(2.5);
    expect(entropy('flat')).toBeGreaterThan(Math.log(2000) - 1);
  });

  it('old log-probabilities are near those of the actions', () => {
    const { batch } = new Workbench(RECIPE);
    const { tokens } = tokenStatsSync({ logits: batch.logits, actions: batch.actions });
    for (const [row, logProb] of tokens.logProbs.entries()) {
      expect(Math.abs(logProb - (batch.oldLogProbs[row] ?? 0))).toBeLessThan(0.6);
    }
  });

  it('an in-place gradient has overwritten the logits: the next run begins with logits again', () => {
    const workbench = new Workbench(RECIPE);
    const before = Float32Array.from(workbench.batch.logits.data as Float32Array);
    const { prepare, run } = workbench.contender('grpo', 'in-place');
    run();
    expect(workbench.batch.logits.data).not.toEqual(before);
    prepare();
    expect(workbench.batch.logits.data).toEqual(before);
  });

  it('the negation flips every sign, and the copy arrives', () => {
    const workbench = new Workbench(RECIPE);
    const [copy, negation] = workbench.yardsticks(3);
    const before = Float32Array.from(workbench.batch.logits.data as Float32Array);
    (workbench.target.data as Float32Array).fill(0);
    expect(copy.run()).toBeGreaterThan(0);
    expect(workbench.target.data).toEqual(before);
    negation.run();
    expect(workbench.batch.logits.data).toEqual(before.map((value) => -value));
  });

  it.each(['forward', 'backward', 'in-place', 'out-of-place', 'token-stats'] as const)(
    'lp-reg, %s: a case gives times, rates and what was selected',
    (form) => {
      const item = { ...RECIPE, loss: 'lp-reg', form } as const;
      const result = measureCase(new Workbench(RECIPE), item, 2, SHORT, sampleOnce);
      expect(result.name).toBe(`2x8x2000/float32/peaked/lp-reg/${form}`);
      expect(result.selection).toMatchObject({ rows: 16 });
      expect(result.time.median).toBeGreaterThan(0);
      expect(result.ratioToCopy.value).toBeGreaterThan(0);
    },
  );
});
