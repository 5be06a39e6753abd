/** The benchmarks' scripts run, on what is built, and write what the report reads. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { lpReg } from './support/cli.js';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

function node(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('scripts of bench/', () => {
  it('cases with --quick and --filter print a table and write results with their origin', () => {
    const file = join(folder, 'cases.json');
    const filter = '8x16x32/bfloat16/flat/(grpo|lp-reg)/(in-place|forward)$';
    expect(node('bench/cases.mjs', '--quick', '--filter', filter, '--json', file)).toContain('of copy');
    const { kind, command, environment, results } = JSON.parse(readFileSync(file, 'utf8'));
    expect(kind).toBe('cases');
    expect(command).toContain('--quick');
    expect(environment).toMatchObject({ node: process.version, threads: expect.any(Number) });
    expect(results.map(({ loss, form }: { loss: string; form: string }) => `${loss}/${form}`)).toEqual([
      'grpo/in-place',
      'grpo/forward',
      'lp-reg/in-place',
      'lp-reg/forward',
    ]);
  });

  it('a baseline is given: both builds are timed', () => {
    const filter = '8x16x32/float32/flat/grpo/in-place$';
    expect(node('bench/cases.mjs', '--quick', '--baseline', '.', '--filter', filter)).toContain(
      'baseline ms',
    );
  });

  it('a filter that matches nothing is an error', () => {
    const { status, stderr } = spawnSync(process.execPath, ['bench/cases.mjs', '--filter', 'no such case'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('no case matches');
  });

  it('adapters with --quick compare the forms of a step and of a product', () => {
    const file = join(folder, 'adapters.json');
    // Not `node()`: TensorFlow.js greets on stderr.
    const { status } = spawnSync(process.execPath, ['bench/adapters.mjs', '--quick', '--json', file], {
      cwd: root,
    });
    expect(status).toBe(0);
    const { kind, results } = JSON.parse(readFileSync(file, 'utf8'));
    expect(kind).toBe('adapters');
    const names = results.map(({ contenders }: { contenders: { name: string }[] }) =>
      contenders.map(({ name }) => name),
    );
    expect(names.at(0)).toContain('differentiableLoss');
    expect(names.at(-1)).toEqual(['explicit transposes', 'tf.matMul']);
  });

  it('results are there: the report is one page without scripts or external resources', () => {
    node('bench/report.mjs', folder);
    const page = readFileSync(join(folder, 'report.html'), 'utf8');
    expect(page).toContain('Roofline');
    expect(page).not.toMatch(/<script|<link|https?:\/\//);
  });
});

describe('lp-reg bench', () => {
  it('prints times and ratios as JSON', () => {
    const { status, stdout } = lpReg(['bench', '--rows', '4', '--vocab', '100', '--json']);
    expect(status).toBe(0);
    const { environment, results } = JSON.parse(stdout);
    expect(environment.cpu).toEqual(expect.any(String));
    expect(results.length).toBe(10);
  });
});
