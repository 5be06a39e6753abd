import { afterEach, describe, expect, test } from 'vitest';
import { getThreads, inspect, PolicyLoss, setThreads } from '../lib/index.js';
import { runScript } from './support/child.js';
import { thrownBy } from './support/errors.js';
import { smallBatch } from './support/small-batch.js';

afterEach(() => setThreads(0));

test('the number of threads is what was set, and 0 stands for what the machine allows', () => {
  const byDefault = getThreads();
  expect(byDefault).toBeGreaterThanOrEqual(1);
  setThreads(5);
  expect(getThreads()).toBe(5);
  expect(inspect().threads).toBe(5);
  setThreads(0);
  expect(getThreads()).toBe(byDefault);
});

describe('a number of threads that cannot be', () => {
  test.each([
    [-1, 'ERR_OPTION'],
    [5000, 'ERR_OPTION'],
    [1.5, 'ERR_TYPE'],
    [NaN, 'ERR_TYPE'],
    ['2', 'ERR_TYPE'],
    [undefined, 'ERR_TYPE'],
  ])('%o is refused and changes nothing', (threads, code) => {
    setThreads(2);
    const error = thrownBy(() => setThreads(threads as number));
    expect(error).toMatchObject({ code, argument: 'threads' });
    expect(getThreads()).toBe(2);
  });
});

test('a loss that was made before uses the threads that are set later', () => {
  const policyLoss = new PolicyLoss({ objective: 'lp-reg' });
  const batch = smallBatch(4, 16, 100);
  setThreads(1);
  const { loss } = policyLoss.forwardSync(batch);
  setThreads(7);
  expect(policyLoss.forwardSync(batch).loss).toBe(loss);
});

test('a process that is bound to one CPU uses one thread', () => {
  const ended = runScript(`
    const { execFileSync } = require('node:child_process');
    const print = 'console.log(require(' + JSON.stringify(require.resolve('./dist/index.js')) + ').getThreads())';
    process.stdout.write(execFileSync('taskset', ['-c', '0', process.execPath, '-e', print]));
  `);
  expect(ended).toMatchObject({ status: 0, stdout: '1\n' });
});
