/**
 * A worker that ends while a job of its own is under way must not take the process with it: the job stops,
 * its memory is not written to any more, and the main thread goes on.
 */
import { describe, expect, test } from 'vitest';
import { runScript, workerSource } from './support/child.js';

/** Starts jobs as soon as it is told to, and never stops. */
const BUSY_WORKER = (Buffer: string) =>
  workerSource(`
    const { parentPort } = require('node:worker_threads');
    const policyLoss = new lpreg.PolicyLoss({ objective: 'lp-reg' });
    const long = batch(4, 64, 8000, ${Buffer});
    async function work() {
      while (true) {
        const result = await policyLoss.forward(long);
        await result.backward();
      }
    }
    for (let i = 0; i < 3; i++) work();
    parentPort.postMessage('busy');
  `);

describe.each(['ArrayBuffer', 'SharedArrayBuffer'])('with logits in an %s', (Buffer) => {
  test('a worker is terminated at any moment of its jobs, and the process goes on', () => {
    const { status, signal, stdout, stderr } = runScript(`
      const { Worker } = require('node:worker_threads');
      const { once } = require('node:events');
      (async () => {
        for (let round = 0; round < 12; round++) {
          const worker = new Worker(${BUSY_WORKER(Buffer)}, { eval: true });
          await once(worker, 'message');
          await new Promise((resolve) => setTimeout(resolve, 7 * round));
          await worker.terminate();
        }
        const { loss } = await new lpreg.PolicyLoss({ objective: 'grpo' }).forward(batch(2, 3, 5));
        console.log('alive', typeof loss);
      })();
    `);
    expect({ status, signal, stdout, stderr }).toMatchObject({
      status: 0,
      signal: null,
      stdout: 'alive number\n',
    });
  });
});

test('a worker that leaves by process.exit with jobs under way ends alone', () => {
  const source = workerSource(`
    const policyLoss = new lpreg.PolicyLoss({ objective: 'grpo' });
    for (let i = 0; i < 5; i++) policyLoss.forward(batch(4, 64, 8000));
    setTimeout(() => process.exit(3), 5);
  `);
  const ended = runScript(`
    const { Worker } = require('node:worker_threads');
    new Worker(${source}, { eval: true }).on('exit', (code) => console.log('worker', code));
  `);
  expect(ended).toMatchObject({ status: 0, signal: null, stdout: 'worker 3\n' });
});

test('workers compute side by side, each with a library of its own', () => {
  const source = workerSource(`
    const { parentPort } = require('node:worker_threads');
    const policyLoss = new lpreg.PolicyLoss({ objective: 'lp-reg', rho: 0.5 });
    policyLoss.forward(batch(2, 30, 700)).then(({ loss }) => parentPort.postMessage(loss));
  `);
  const ended = runScript(`
    const { Worker } = require('node:worker_threads');
    const { once } = require('node:events');
    const workers = Array.from({ length: 6 }, () => new Worker(${source}, { eval: true }));
    Promise.all(workers.map((worker) => once(worker, 'message'))).then((messages) => {
      const { loss } = new lpreg.PolicyLoss({ objective: 'lp-reg', rho: 0.5 }).forwardSync(batch(2, 30, 700));
      console.log(messages.every(([other]) => other === loss));
    });
  `);
  expect(ended).toMatchObject({ status: 0, signal: null, stdout: 'true\n' });
});
