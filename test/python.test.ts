/** Runs the tests of python/, which are in test/python, and the examples of the documentation where PyTorch is present. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inspect } from '../lib/index.js';
import { pythonWith, runPython } from './support/python.js';

const FOLDER = 'test/python';
const DOCS = join(import.meta.dirname, '../docs');
const LIMIT = 300_000;
const python = pythonWith('torch') as string;
const reason = python === undefined ? ' (skipped: no python3 with PyTorch; LPREG_PYTHON names one)' : '';
const testWithTorch = test.skipIf(python === undefined);

const modules = readdirSync(join(import.meta.dirname, 'python')).filter((name) => name.endsWith('_test.py'));

testWithTorch(
  `${modules.join(', ')} pass on CPU tensors${reason}`,
  () => {
    // One process for all: importing PyTorch takes longer than most of the files.
    const args = ['-m', 'unittest', 'discover', '--pattern', '*_test.py', '--verbose'];
    const { status, stderr } = runPython(python, args, { folder: FOLDER, library: inspect().libraryPath });
    expect(status, stderr).toBe(0);
    const run = [...stderr.matchAll(/^test_\w+ \((\w+_test)\..*\) \.\.\. (?:ok|skipped .*)$/gm)];
    expect(new Set(run.map(([, module]) => `${module}.py`))).toEqual(new Set(modules));
    for (const [line] of stderr.matchAll(/^.*skipped '.*$/gm)) console.warn(line);
  },
  LIMIT,
);

testWithTorch(`the example of docs/python.md trains${reason}`, () => {
  const page = readFileSync(join(DOCS, 'python.md'), 'utf8');
  const example = [...page.matchAll(/```python\n([\s\S]*?)```/g)].map(([, code]) => code).join('\n');
  const run = runPython(python, ['-c', example], { library: inspect().libraryPath });
  expect(run.status, run.stderr).toBe(0);
  const losses = run.stdout.trim().split('\n').map(Number);
  expect(losses.length).toBeGreaterThan(1);
  expect(losses.at(-1)).toBeLessThan(losses[0] as number);
});

test('every named Python example of the documentation is run by a test', () => {
  const pages = readdirSync(DOCS).filter((name) => name.endsWith('.md'));
  const named = pages.flatMap((page) =>
    [...readFileSync(join(DOCS, page), 'utf8').matchAll(/^```python (.+)$/gm)].map(
      ([, name]) => name as string,
    ),
  );
  expect(named.length).toBeGreaterThan(5);
  const tests = modules
    .map((name) => readFileSync(join(import.meta.dirname, 'python', name), 'utf8'))
    .join('');
  expect(named.filter((name) => !tests.includes(`'${name}'`))).toEqual([]);
});
