/** A system that starts no more threads: a typed error each time, and the next call works. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runScript } from './support/child.js';

const folder = mkdtempSync(join(tmpdir(), 'lp-reg-threads-'));
const preload = join(folder, 'failing_threads.so');
const source = join(import.meta.dirname, '../native/tests/faults/failing_threads.c');
const isLinux = process.platform === 'linux';
const { status } = spawnSync('cc', ['-shared', '-fPIC', source, '-o', preload, '-ldl', '-lpthread']);

afterAll(() => rmSync(folder, { recursive: true }));

test.skipIf(!isLinux || status !== 0)(
  'each thread of the addon and of the library that does not start is told, and starts the next time',
  () => {
    const ended = runScript(
      `
      const policyLoss = new lpreg.PolicyLoss({ objective: 'lp-reg', rho: 0.5 });
      const small = batch(4, 50, 640);
      const outcomes = [];
      async function attempt(call) {
        process.env.FAILING_THREADS = '1';
        const outcome = await call().then(String, ({ code, status }) => code + ' ' + status);
        outcomes.push(outcome + (process.env.FAILING_THREADS === '0' ? '' : ', without a thread'));
        process.env.FAILING_THREADS = '0';
      }
      const forward = async () => (await policyLoss.forward(small)).loss;
      const forwardSync = async () => policyLoss.forwardSync(small).loss;
      (async () => {
        await attempt(async () => lpreg.setThreads(3));
        lpreg.setThreads(3);
        const loss = await forwardSync();
        await attempt(forward);
        await attempt(async () => lpreg.setThreads(6));
        outcomes.push(lpreg.getThreads(), (await forward()) === loss);
        lpreg.setThreads(6);
        outcomes.push(lpreg.getThreads(), (await forward()) === loss, (await forwardSync()) === loss);
        console.log(outcomes.join('; '));
      })();
    `,
      [],
      [],
      { ...process.env, LD_PRELOAD: `${process.env.LD_PRELOAD ?? ''} ${preload}` },
    );
    const told = 'ERR_OUT_OF_MEMORY untouched';
    expect(ended).toMatchObject({
      status: 0,
      stderr: '',
      stdout: `${[told, told, told, 3, true, 6, true, true].join('; ')}\n`,
    });
  },
);
