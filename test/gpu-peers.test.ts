/** bench/gpu/peers.py on the CPU: its references, its checks of a contender, and what it says of absent ones. */
import { expect, test } from 'vitest';
import { inspect } from '../lib/index.js';
import { pythonWith, runPython } from './support/python.js';

const python = pythonWith('torch') as string;
const reason = python === undefined ? ' (skipped: no python3 with PyTorch; LPREG_PYTHON names one)' : '';
const testWithTorch = test.skipIf(python === undefined);

interface Line {
  readonly work?: string;
  readonly contender?: string;
  readonly ms?: number;
  readonly gradient_error?: number;
  readonly not_available?: string;
}

function race(...args: string[]): Line[] {
  const { status, stdout, stderr } = runPython(python, ['bench/gpu/peers.py', '--device', 'cpu', ...args], {
    library: inspect().libraryPath,
  });
  expect(status, stderr).toBe(0);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const CONTENDERS = [
  'lp-reg, one call',
  'lp-reg, autograd',
  'lp-reg, token_stats',
  'torch eager',
  'Liger',
  'QuACK',
];
const named = CONTENDERS.flatMap((name) => ['--contender', name]);

testWithTorch(
  `contenders that are there agree with float64 and are timed, others say why not${reason}`,
  () => {
    const lines = race(
      '--runs',
      '1',
      '--shape',
      '2,40,200,float32',
      '--shape',
      '2,40,200,bfloat16',
      ...named,
    );
    const ran = lines.filter(({ contender }) => contender !== undefined && contender !== 'copy');
    expect(new Set(ran.map(({ work }) => work))).toEqual(new Set(['grpo', 'lp-reg', 'cross-entropy']));
    for (const { contender, ms, gradient_error, not_available } of ran) {
      if (not_available === undefined) {
        expect([contender, (ms as number) > 0, (gradient_error as number) < 2e-2]).toEqual([
          contender,
          true,
          true,
        ]);
      } else {
        expect(contender).toMatch(/^(Liger|QuACK)$/);
      }
    }
  },
);

testWithTorch(
  `out of time: no contender is begun${reason}`,
  () => {
    const lines = race('--runs', '1', '--shape', '1,2,50,float32', '--seconds', '-1');
    const contenders = lines.filter(({ contender }) => contender !== undefined && contender !== 'copy');
    expect(contenders.map(({ not_available }) => not_available)).toEqual(contenders.map(() => 'out of time'));
  },
  180_000,
);
