/** The order of the vocabulary permutes the gradient with it and changes nothing else. */
import { expect, test } from 'vitest';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { fieldsOf, oneCall } from './support/product.js';
import { productCase } from './support/product-case.js';
import { Random } from './support/random.js';
import { drawnViolations } from './support/tolerance.js';

function permutation(random: Random, size: number): Int32Array {
  const order = Int32Array.from({ length: size }, (_, v) => v);
  for (let v = size - 1; v > 0; v--) {
    const other = random.integer(0, v);
    [order[v], order[other]] = [order[other] as number, order[v] as number];
  }
  return order;
}

/** Every row in the given order: element `v` comes from `order[v]`. */
function permuted<Row extends Float32Array | Float64Array>(rows: Row, order: Int32Array): Row {
  const V = order.length;
  return rows.map((_, i) => rows[i - (i % V) + (order[i % V] as number)] as number) as Row;
}

test.each(LOSSES)('%s: a permuted vocabulary permutes the gradient', (loss) => {
  for (const { input, reference } of drawnBatches(loss, 20, ({ meta }) => meta.logits_copy === null)) {
    const order = permutation(new Random(input.meta.V), input.meta.V);
    const moved = {
      ...input,
      logits: permuted(input.logits, order),
      ...(input.oldLogits && { oldLogits: permuted(input.oldLogits, order) }),
      actions: input.actions.map((action) => (action < 0 ? action : order.indexOf(action))),
    };
    const expected = { ...reference, grad: permuted(reference.grad, order) };
    const result = fieldsOf(oneCall(productCase(moved)));
    expect(drawnViolations(moved, expected, result), input.meta.name).toEqual([]);
  }
});
