/** A process may end at any moment, and need not wait for its jobs unless somebody awaits them. */
import { describe, expect, test } from 'vitest';
import { runScript } from './support/child.js';

const START_JOBS = `
  const policyLoss = new lpreg.PolicyLoss({ objective: 'lp-reg' });
  const long = batch(8, 64, 8000);
  const results = [policyLoss.forward(long), policyLoss.forwardBackward(long)];
`;

describe.each(Array.from({ length: 6 }, (_, i) => 4 * i))('%i ms into its jobs', (delay) => {
  test('process.exit gives its own exit code', () => {
    const ended = runScript(`${START_JOBS} setTimeout(() => process.exit(7), ${delay});`);
    expect(ended).toMatchObject({ status: 7, signal: null, stderr: '' });
  });
});

test('an uncaught exception with jobs under way ends as such', () => {
  const ended = runScript(`${START_JOBS} setTimeout(() => { throw new Error('ours'); }, 5);`);
  expect(ended).toMatchObject({ status: 1, signal: null });
  expect(ended.stderr).toContain('ours');
});

test('process.exit while the first job is being submitted is fine', () => {
  expect(runScript(`${START_JOBS} process.exit(0);`)).toMatchObject({ status: 0, signal: null, stderr: '' });
});

test('a process stays alive for its jobs', () => {
  const ended = runScript(`${START_JOBS} Promise.all(results).then(() => console.log('done'));`);
  expect(ended).toMatchObject({ status: 0, stdout: 'done\n' });
});

test('a process with nothing left to do ends, although the library is loaded and its threads wait', () => {
  const ended = runScript(`
    const policyLoss = new lpreg.PolicyLoss({ objective: 'grpo' });
    policyLoss.forward(batch(2, 3, 5)).then(() => console.log('done', process.uptime() < 30));
  `);
  expect(ended).toMatchObject({ status: 0, signal: null, stdout: 'done true\n' });
});
