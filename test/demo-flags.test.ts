/** A command line that the demo cannot follow is an error that says why; the rest means what the help says. */
import { expect, it } from 'vitest';
import { demoModule, runDemo } from './support/demo.js';

const { requestOf, HELP } = await demoModule('flags.mjs');
const { armOf } = await demoModule('arms.mjs');

it.each([
  ['--objective ppo', '--objective must be one of grpo, lp-reg'],
  ['--step 3', "Unknown option '--step'"],
  ['--steps 0', '--steps must be an integer from 1'],
  ['--steps 1e3', '--steps must be an integer from 1'],
  ['--seed -1', "'--seed"],
  ['--beta x', '--beta must be a number from 0'],
  ['--form kind', '--form must be one of paper, reference, kept'],
  ['--objective grpo --rho 0.1', '--rho has no effect on grpo'],
  ['--form kept --rho 0.1', '--rho has no effect on the form kept'],
  ['--samples 1', '--samples must be at least 2'],
  ['--prompts 5 --mini-batches 2', '--prompts must be a multiple of --mini-batches'],
  ['--width 10', '--width must be a multiple of 4'],
  ['eval', "there is no command 'eval'"],
  ['report', 'report needs the folder of a run'],
  ['report a', 'report needs --out'],
])('%s: %s', (line, message) => {
  expect(() => requestOf(line.split(' '))).toThrow(message);
});

it('wrong usage: status 2 and one line that says why, before anything is trained', () => {
  const { status, stdout, stderr } = runDemo('--objective', 'ppo');
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(/^demo: --objective must be one of .*\n.*--help/);
});

it('an option that the loss does not take is its error', () => {
  const { status, stderr } = runDemo('--objective', 'lp-reg', '--rho', '2');
  expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringContaining('ERR_OPTION') });
});

it('--help names every objective and exits with 0', () => {
  expect(runDemo('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('--objective') });
  for (const name of ['grpo', 'lp-reg', 'entropy-bonus', 'clip-higher', 'kl-cov', '80-20', 'gspo']) {
    expect(HELP).toContain(name);
  }
});

it('flags of an arm reach its loss and its name, and no other arm', () => {
  const { armValues, objectives } = requestOf(
    '--objective grpo --objective lp-reg --rho 0.05 --kappa 0.1'.split(' '),
  );
  expect(objectives).toEqual(['grpo', 'lp-reg']);
  expect(armOf('grpo', armValues)).toMatchObject({ name: 'grpo', lossOptions: { objective: 'grpo' } });
  expect(armOf('lp-reg', armValues)).toEqual({
    name: 'lp-reg, rho 0.05, kappa 0.1',
    lossOptions: { objective: 'lp-reg', form: 'paper', rho: 0.05, filter: { kind: 'min-p', kappa: 0.1 } },
  });
  expect(armOf('lp-reg', { form: 'reference', rho: 0.05 }).lossOptions).toMatchObject({ rhoNeg: 0.05 });
});
