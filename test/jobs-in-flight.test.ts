import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { getThreads, type LossMetrics, PolicyLoss, type Progress, setThreads } from '../lib/index.js';
import { rejectionOf } from './support/errors.js';
import { catchUnderWay, slowBatch, slowLoss } from './support/slow-call.js';
import { smallBatch } from './support/small-batch.js';

const lpReg = new PolicyLoss({ objective: 'lp-reg', rho: 0.5 });

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test('many calls at once give what each gives alone', async () => {
  const sizes = Array.from({ length: 40 }, (_, i) => [1 + (i % 3), 1 + (i % 5), 2 + 37 * (i % 7)] as const);
  const evaluate = ({ loss, metrics }: { loss: number; metrics: LossMetrics }) => ({ loss, ...metrics });
  const alone = sizes.map((size) => evaluate(lpReg.forwardSync(smallBatch(...size))));
  const together = await Promise.all(sizes.map((size) => lpReg.forward(smallBatch(...size))));
  expect(together.map(evaluate)).toStrictEqual(alone);
});

test('several backward passes of one result run at once', async () => {
  const result = await lpReg.forward(smallBatch());
  const expected = result.backwardSync();
  for (const gradient of await Promise.all([result.backward(), result.backward(), result.backward()])) {
    expect(gradient).toStrictEqual(expected);
  }
});

test('short calls that follow one another leave the event loop its turns', async () => {
  let hadTurn = false;
  setImmediate(() => {
    hadTurn = true;
  });
  for (let i = 0; i < 1000 && !hadTurn; i++) await lpReg.forward(smallBatch());
  expect(hadTurn).toBe(true);
});

test('calls settle in the order in which they were made, failures included', async () => {
  const order: string[] = [];
  const note = (name: string) => () => order.push(name);
  const bad = { ...smallBatch(), mask: new Uint8Array(6).fill(2) };
  await Promise.all([
    slowLoss.forward(slowBatch(64)).then(note('long')),
    lpReg.forward(bad).catch(note('bad')),
    lpReg.forward(smallBatch()).then(note('short')),
  ]);
  expect(order).toStrictEqual(['long', 'bad', 'short']);
});

/** Whether a long call is still under way when `meanwhile` has ended. */
async function outlasts(rows: number, meanwhile: () => Promise<unknown>): Promise<boolean> {
  let ended = false;
  const promise = slowLoss.forward(slowBatch(rows)).then(() => {
    ended = true;
  });
  await meanwhile();
  const outlasted = !ended;
  await promise;
  return outlasted;
}

test('a synchronous call works while a job is under way', () => {
  const expected = lpReg.forwardSync(smallBatch()).loss;
  return catchUnderWay((rows) =>
    outlasts(rows, async () => {
      await nextTurn();
      expect(lpReg.forwardSync(smallBatch()).loss).toBe(expected);
    }),
  );
});

test('the event loop and its thread pool stay free while a job is under way', () =>
  catchUnderWay((rows) =>
    outlasts(rows, () => Promise.all(Array.from({ length: 8 }, () => readFile(import.meta.filename)))),
  ));

test('changing the number of threads waits for the job under way and changes no result', async () => {
  const batch = smallBatch(3, 50, 500);
  const expected = lpReg.forwardSync(batch).loss;
  const promise = lpReg.forward(batch);
  setThreads(3);
  expect(getThreads()).toBe(3);
  expect((await promise).loss).toBe(expected);
  expect((await lpReg.forward(batch)).loss).toBe(expected);
  setThreads(0);
});

test('progress tells how many of the rows are done', () =>
  catchUnderWay(async (total) => {
    const seen: Progress[] = [];
    await slowLoss.forward(slowBatch(total), { onProgress: (progress) => seen.push(progress) });
    for (const [i, { rowsDone, rows }] of seen.entries()) {
      expect(rows).toBe(total);
      expect(rowsDone).toBeLessThanOrEqual(rows);
      expect(rowsDone).toBeGreaterThanOrEqual(seen[i - 1]?.rowsDone ?? 0);
    }
    return seen.length > 0;
  }));

test('a progress callback that is no function is refused', async () => {
  const call = lpReg.forward(smallBatch(), { onProgress: 1 as unknown as () => void });
  expect(await rejectionOf(call)).toMatchObject({ code: 'ERR_TYPE', argument: 'onProgress' });
});
