import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { expect, test } from 'vitest';
import { DeviceArray, inspect, PolicyLoss } from '../lib/index.js';
import { runScript } from './support/child.js';
import { thrownBy } from './support/errors.js';

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'));

test('inspect tells what is in use', () => {
  const report = inspect();
  expect(report).toMatchObject({
    version,
    abiVersion: 1,
    addonOrigin: 'local',
    libraryOrigin: 'local',
    backends: { cpu: true },
  });
  expect(report.instructionSets).toContain(report.instructionSet);
  expect(report.instructionSets.at(-1)).toBe('baseline');
});

test('the library lies beside the addon, under absolute paths', () => {
  const { addonPath, libraryPath } = inspect();
  for (const path of [addonPath, libraryPath]) {
    expect(isAbsolute(path)).toBe(true);
    expect(existsSync(path)).toBe(true);
  }
  expect(dirname(libraryPath)).toBe(dirname(addonPath));
});

test('a loss names its back end and instruction set', () => {
  const policyLoss = new PolicyLoss({ objective: 'grpo' });
  expect(policyLoss.backend).toBe('cpu');
  expect(policyLoss.instructionSet).toBe(inspect().instructionSet);
});

test('cuda where there is none fails with the reason that inspect gives, and never falls back', () => {
  const { cuda } = inspect().backends;
  if (cuda.available) return;
  const error = thrownBy(() => new PolicyLoss({ objective: 'grpo', backend: 'cuda' }));
  expect(error).toMatchObject({ code: 'ERR_BACKEND_UNAVAILABLE', argument: 'backend' });
  expect(error.message).toContain(cuda.reason);
});

test('where CUDA is off, inspect says what to do about it', () => {
  const { cuda } = inspect().backends;
  expect(cuda.reason === undefined).toBe(cuda.available);
  expect(cuda.advice === undefined).toBe(cuda.available);
  if (cuda.runtimeVersion === undefined) expect(cuda.architectures).toStrictEqual([]);
});

test('device memory where there is no device fails with the reason that inspect gives', () => {
  const { cuda } = inspect().backends;
  if (cuda.available) return;
  const error = thrownBy(() => DeviceArray.allocate('float32', 1));
  expect(error.code).toBe('ERR_BACKEND_UNAVAILABLE');
  expect(error.message).toContain(cuda.reason);
});

test('LPREG_ISA forces an instruction set', () => {
  const ended = runScript(`
    process.env.LPREG_ISA = 'baseline';
    console.log(new lpreg.PolicyLoss({ objective: 'grpo' }).instructionSet);
  `);
  expect(ended).toMatchObject({ status: 0, stdout: 'baseline\n' });
});

test('LPREG_ISA of an unknown instruction set is an error that lists the known ones', () => {
  const ended = runScript(`
    process.env.LPREG_ISA = 'mmx';
    try {
      new lpreg.PolicyLoss({ objective: 'grpo' });
    } catch ({ code, argument, message }) {
      console.log(code, argument, message.includes('baseline'));
    }
  `);
  expect(ended).toMatchObject({ status: 0, stdout: 'ERR_OPTION LPREG_ISA true\n' });
});
