/** A snapshot of the old policy stands for its logits: the same decisions, and the same values within float32. */
import { describe, expect, test } from 'vitest';
import { proxySnapshotSync, type Tensor } from '../lib/index.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { type Evaluation, fieldsOf, inPlace, oneCall, twoCalls } from './support/product.js';
import { changed, type ProductCase, productCase } from './support/product-case.js';
import { inParts, rowOptions } from './support/product-parts.js';
import { isLpReg } from './support/reference/case.js';
import { drawnViolations } from './support/tolerance.js';

/** The same loss, with the old logits given as a snapshot. */
function withSnapshot(given: ProductCase): ProductCase {
  const { temperature, softcap, filter } = rowOptions(given) as Parameters<typeof proxySnapshotSync>[1];
  const { oldLogits, mask } = given.batch;
  const proxySnapshot = proxySnapshotSync(oldLogits as Tensor, { temperature, softcap, filter, mask });
  return changed(given, { oldLogits: undefined, proxySnapshot }, { proxy: 'snapshot', filter: undefined });
}

const FORMS: [string, (given: ProductCase) => Evaluation][] = [
  ['forward, backward', twoCalls],
  ['forwardBackward', oneCall],
  ['forwardBackward in place', inPlace],
  ['per-token operation, scalar stage', (given) => inParts(given)],
];

describe.each(LOSSES.filter(isLpReg))('%s', (loss) => {
  const batches = drawnBatches(loss, 30, ({ meta }) => meta.filter?.source === 'old' && meta.V < 300);

  test.each(FORMS)('%s: a snapshot of the old logits agrees with the reference', (_, evaluate) => {
    let uniform = 0;
    for (const { input, reference } of batches) {
      const given = withSnapshot(productCase(input));
      expect(drawnViolations(input, reference, fieldsOf(evaluate(given))), input.meta.name).toEqual([]);
      uniform += given.batch.proxySnapshot?.uniform.some((flag) => flag === 1) ? 1 : 0;
    }
    expect(uniform).toBeGreaterThan(0);
  });
});
