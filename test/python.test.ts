/** Runs the tests of python/lp_reg.py, test/python, and the example of docs/python.md where PyTorch is present. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inspect } from '../lib/index.js';
import { pythonWith, runPython } from './support/python.js';

const FOLDER = 'test/python';
const LIMIT = 300_000;
const python = pythonWith('torch') as string;
const reason = python === undefined ? ' (skipped: no python3 with PyTorch; LPREG_PYTHON names one)' : '';
const testWithTorch = test.skipIf(python === undefined);

const modules = readdirSync(join(import.meta.dirname, 'python')).filter((name) => name.endsWith('_test.py'));

testWithTorch.each(modules)(
  `%s passes on CPU tensors${reason}`,
  (module) => {
    const args = ['-m', 'unittest', '--verbose', module.slice(0, -'.py'.length)];
    const { status, stderr } = runPython(python, args, { folder: FOLDER, library: inspect().libraryPath });
    expect(stderr).toMatch(/^Ran [1-9]\d* tests? in /m);
    expect(status, stderr).toBe(0);
    for (const [line] of stderr.matchAll(/^.*skipped '.*$/gm)) console.warn(line);
  },
  LIMIT,
);

testWithTorch(`the example of docs/python.md trains${reason}`, () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/python.md'), 'utf8');
  const example = [...page.matchAll(/```python\n([\s\S]*?)```/g)].map(([, code]) => code).join('\n');
  const run = runPython(python, ['-c', example], { library: inspect().libraryPath });
  expect(run.status, run.stderr).toBe(0);
  const losses = run.stdout.trim().split('\n').map(Number);
  expect(losses.length).toBeGreaterThan(1);
  expect(losses.at(-1)).toBeLessThan(losses[0] as number);
});
