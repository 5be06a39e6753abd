/** A library linked with -ffast-math switches its whole process to flush-to-zero. Ours must not. */
import { expect, test } from 'vitest';
import { runScript, workerSource } from './support/child.js';

const CHECK = `
  function subnormalsLive() {
    const [smallest, smallestNormal] = [5e-324, 2.2250738585072014e-308];
    const half = smallestNormal / Number('2');
    return smallest * Number('1') > 0 && half > 0 && half * 2 === smallestNormal && Math.fround(1e-40) * 1 > 0;
  }
`;

const RUN_A_LOSS = `
  const policyLoss = new lpreg.PolicyLoss({ objective: 'lp-reg', entropyCoef: 0.1 });
  const tiny = batch(2, 8, 300);
  tiny.logits.data.fill(1e-40);
  policyLoss.forwardBackwardSync(tiny);
  const ran = policyLoss.forwardBackward(tiny);
`;

test('subnormal numbers survive loading the library and running a loss, on the main thread', () => {
  const ended = runScript(`
    ${CHECK}
    const seen = [subnormalsLive()];
    lpreg.inspect();
    seen.push(subnormalsLive());
    ${RUN_A_LOSS}
    seen.push(subnormalsLive());
    ran.then(() => console.log([...seen, subnormalsLive()].join()));
  `);
  expect(ended).toMatchObject({ status: 0, stdout: 'true,true,true,true\n' });
});

test('subnormal numbers survive on a worker, and on the main thread beside it', () => {
  const source = workerSource(`
    ${CHECK}
    const { parentPort } = require('node:worker_threads');
    const before = subnormalsLive();
    ${RUN_A_LOSS}
    ran.then(() => parentPort.postMessage([before, subnormalsLive()]));
  `);
  const ended = runScript(`
    ${CHECK}
    const { Worker } = require('node:worker_threads');
    new Worker(${source}, { eval: true }).on('message', (seen) => console.log([...seen, subnormalsLive()].join()));
  `);
  expect(ended).toMatchObject({ status: 0, stdout: 'true,true,true\n' });
});
