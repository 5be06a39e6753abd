/** The number of threads changes the time, and no bit. */
import { afterAll, expect, test } from 'vitest';
import { setThreads } from '../lib/index.js';
import { differences } from './support/bits.js';
import { LOSSES } from './support/draw.js';
import { drawnBatches } from './support/drawn-cases.js';
import { flatten, inPlace, oneCall, twoCalls } from './support/product.js';
import { productCase } from './support/product-case.js';
import { inParts } from './support/product-parts.js';

const THREADS = process.env.LPREG_TEST_FULL ? [2, 3, 4, 5, 8, 16, 64] : [2, 3, 8];
const FORMS = { twoCalls, oneCall, inPlace, inParts };

afterAll(() => setThreads(0));

test.each(LOSSES)('%s: any number of threads gives the same bits', (loss) => {
  const batches = drawnBatches(loss, 10, ({ meta }) => meta.B * meta.T >= 8);
  for (const { input } of batches) {
    const given = productCase(input);
    for (const [form, evaluate] of Object.entries(FORMS)) {
      setThreads(1);
      const alone = flatten(evaluate(given));
      for (const threads of THREADS) {
        setThreads(threads);
        expect(differences(flatten(evaluate(given)), alone), `${form} ${threads}`).toEqual([]);
      }
    }
  }
});
