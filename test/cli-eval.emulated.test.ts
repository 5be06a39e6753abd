/** `lp-reg eval --backend cuda`: what it writes beside the CPU's result, and what it says. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { inspect } from '../lib/index.js';
import { batchFolder } from './support/batch-files.js';
import { lpReg, readTensors } from './support/cli.js';
import { describeOnDevice, isEmulated } from './support/emulated-device.js';
import { vectorPath } from './support/vectors.js';

const EVAL_EMULATED = join(import.meta.dirname, '../scripts/cuda/eval-emulated');
/** It brings its program up to date first. */
const BUILD_MILLISECONDS = 300_000;
const VECTORS = ['00_grpo_clip', '16_paper_linear_bf16', '32_real_stories260K_paper'];

const folder = batchFolder();
afterAll(folder.remove);

describeOnDevice('lp-reg eval', () => {
  function evaluate(name: string, ...options: string[]) {
    const out = folder.next();
    const { status, stdout, stderr } = lpReg(['eval', vectorPath(name), '--out', out, '--json', ...options]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return { summary: JSON.parse(stdout), tensors: readTensors(out) };
  }

  test.each(VECTORS)('%s: --backend cuda writes what --backend cpu does', (name) => {
    const [cpu, cuda] = ['cpu', 'cuda'].map((backend) => evaluate(name, '--backend', backend));
    expect(cuda?.summary).toMatchObject({
      backend: 'cuda',
      device: inspect().backends.cuda.devices[0]?.name,
    });
    expectAlike(cuda?.tensors, cpu?.tensors);
  });

  test.runIf(isEmulated).each(VECTORS)(
    '%s: scripts/cuda/eval-emulated writes the same',
    (name) => {
      const out = folder.next();
      const run = spawnSync('bash', [EVAL_EMULATED, vectorPath(name), out], { encoding: 'utf8' });
      expect(run, run.stderr).toMatchObject({ status: 0, stdout: '' });
      expectAlike(readTensors(out), evaluate(name, '--backend', 'cpu').tensors);
    },
    BUILD_MILLISECONDS,
  );

  test.runIf(isEmulated)('scripts/cuda/eval-emulated without an output says how it is called', () => {
    const run = spawnSync('bash', [EVAL_EMULATED, vectorPath('00_grpo_clip')], { encoding: 'utf8' });
    expect(run).toMatchObject({ status: 2, stderr: expect.stringMatching(/^eval-emulated BATCH/) });
  });

  test('a device that does not exist is refused by its number', () => {
    const { status, stderr } = lpReg([
      ...['eval', vectorPath('00_grpo_clip'), '--out', folder.next()],
      ...['--backend', 'cuda', '--device', '999'],
    ]);
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^lp-reg: ERR_OPTION: device: /),
    });
  });

  test.runIf(isEmulated).each(['none', 'no-driver', 'old-driver'])(
    'without a device (%s) the reason is told',
    (device) => {
      const { status, stderr } = lpReg(
        ['eval', vectorPath('00_grpo_clip'), '--out', folder.next(), '--backend', 'cuda'],
        { LPREG_EMULATION: `device=${device}` },
      );
      expect({ status, stderr }).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/^lp-reg: ERR_BACKEND_UNAVAILABLE: .{10}/),
      });
    },
  );
});

type Tensors = ReturnType<typeof readTensors>;

/** The same tensors, discrete ones equal and the others within what is allowed. */
function expectAlike(ours: Tensors | undefined, theirs: Tensors | undefined): void {
  expect(Object.keys(ours ?? {}).sort()).toEqual(Object.keys(theirs ?? {}).sort());
  for (const [field, { dtype, shape, data }] of Object.entries(theirs ?? {})) {
    const other = ours?.[field];
    expect([field, other?.dtype, other?.shape]).toEqual([field, dtype, shape]);
    if (dtype === 'U8' || dtype === 'I32') expect(other?.data).toEqual(data);
    else expect(furthest(other?.data as Float32Array, data as Float32Array), field).toBeLessThanOrEqual(1);
  }
}

/** Largest difference in units of what is allowed: 2e-6 and 1e-6 of the value. */
function furthest(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  return Array.from(theirs, (value, i) => {
    const difference = Math.abs((ours[i] as number) - value);
    return Object.is(ours[i], value) ? 0 : difference / (2e-6 + 1e-6 * Math.abs(value));
  }).reduce((a, b) => Math.max(a, b), 0);
}
