/** scripts/gpu/check without a GPU: what it says of what is missing, and its steps over stand-ins for the tools. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pythonWith } from './support/python.js';

const script = join(import.meta.dirname, '../scripts/gpu/check');
const python = pythonWith('json') as string;
const reason = python === undefined ? ' (skipped: no python3)' : '';

interface Report {
  readonly commit: string;
  readonly devices: readonly unknown[];
  readonly steps: Readonly<Record<string, { status: string; [detail: string]: unknown }>>;
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpu-check-'));
  for (const name of ['tools', 'build', 'results']) mkdirSync(join(folder, name));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** An executable of a shell's lines, in `tools` (found through PATH) or `build`. */
function standIn(where: 'tools' | 'build', name: string, lines: string): void {
  writeFileSync(join(folder, where, name), `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
}

/** All that a machine with a device has, each tool content with what it is given. */
function wholeMachine(): void {
  standIn('tools', 'nvidia-smi', 'echo "Some GPU, 580.1, 9.0, 143771 MiB, 1980 MHz, 3201 MHz, 700 W"');
  standIn('tools', 'nvcc', 'echo "Cuda compilation tools, release 13.0, V13.0.88"');
  for (const tool of ['cmake', 'ctest']) standIn('tools', tool, 'echo "$@"');
  standIn('tools', 'compute-sanitizer', 'echo "========= ERROR SUMMARY: 0 errors"');
  standIn('tools', 'cuobjdump', 'echo "LDG.E.128.CONSTANT R4"; echo "STG.E.EF.128"; echo STL');
  for (const program of ['lpreg_golden_cuda', 'lpreg_parity_cuda']) standIn('build', program, 'echo "$@"');
  standIn('build', 'liblpreg.so', '');
  standIn('build', 'lpreg_bench_cuda', `echo '${measurement(1e-7)}'; echo '{"skipped": "out of time"}'`);
}

const measurement = (error: number) =>
  JSON.stringify({ name: 'grpo', dtype: 'float32', ms: 1, log_prob_error: 1e-6, gradient_error: error });

function check(...args: string[]): { status: number | null; report: Report; stdout: string; stderr: string } {
  const python3 = spawnSync(python, ['-c', 'import sys; print(sys.executable)'], {
    encoding: 'utf8',
  }).stdout.trim();
  const { status, stdout, stderr } = spawnSync(
    python3,
    [script, '--build', join(folder, 'build'), '--results', join(folder, 'results'), ...args],
    { encoding: 'utf8', env: { PATH: `${join(folder, 'tools')}:/usr/bin:/bin`, CUDACXX: 'nvcc' } },
  );
  const [file] = readdirSync(join(folder, 'results'));
  const report = file === undefined ? {} : JSON.parse(readFileSync(join(folder, 'results', file), 'utf8'));
  return { status, report, stdout, stderr };
}

const statusOf = (report: Report, step: string) => report.steps[step]?.status;

describe.skipIf(python === undefined)(`scripts/gpu/check${reason}`, { timeout: 180_000 }, () => {
  test('--list names the steps and runs none', () => {
    const { status, stdout } = check('--list');
    expect(status).toBe(0);
    expect(stdout.trim().split('\n')).toEqual(
      expect.arrayContaining(['build', 'golden_vectors', 'sanitizer', 'peers']),
    );
    expect(readdirSync(join(folder, 'results'))).toEqual([]);
  });

  test('a step that does not exist is wrong usage', () => {
    const { status, stderr } = check('--only', 'goldenvectors');
    expect(status).toBe(2);
    expect(stderr).toContain('goldenvectors');
  });

  test('nothing on the machine: every step is not available, none passed, and the status says so', () => {
    const { status, report } = check('--commit', 'abc');
    expect(status).toBe(1);
    expect(report).toMatchObject({ kind: 'gpu', commit: 'abc', devices: [] });
    const statuses = Object.values(report.steps).map((step) => step.status);
    expect(statuses.length).toBeGreaterThan(10);
    expect(statuses.filter((text) => !text.startsWith('not available: '))).toEqual([]);
  });

  test('all tools content: steps pass with their measurements, and the file names device and driver', () => {
    wholeMachine();
    const { report, stdout } = check();
    for (const step of [
      'build',
      'native_tests',
      'golden_vectors',
      'random_batches',
      'benchmark',
      'machine_code',
    ]) {
      expect([step, statusOf(report, step)]).toEqual([step, 'passed']);
    }
    expect(report.devices).toEqual([
      expect.objectContaining({ name: 'Some GPU', driver_version: '580.1', compute_cap: '9.0' }),
    ]);
    expect(report.steps.benchmark).toMatchObject({
      measurements: [{ name: 'grpo', ms: 1 }],
      skipped: [{ skipped: 'out of time' }],
    });
    expect(report.steps.machine_code?.instructions).toEqual({
      '128-bit loads': 1,
      '128-bit stores': 1,
      'local loads': 0,
      'local stores': 1,
    });
    const log = readFileSync(join(import.meta.dirname, '..', report.steps.build?.log as string), 'utf8');
    expect(log).toContain('-DCMAKE_CUDA_ARCHITECTURES=90');
    expect(log).toContain('-DLPREG_CUDA=ON');
    expect(stdout).toContain('written: ');
  });

  test('a step fails: the next ones run, and the status is 1', () => {
    wholeMachine();
    standIn('build', 'lpreg_golden_cuda', 'echo the reason; exit 3');
    const { status, report, stdout } = check('--only', 'golden_vectors', '--only', 'random_batches');
    expect(status).toBe(1);
    expect(report.steps.golden_vectors).toMatchObject({
      status: 'failed: exit status 3',
      tail: expect.stringContaining('the reason'),
    });
    expect(stdout).toContain('the reason');
    expect(statusOf(report, 'random_batches')).toBe('passed');
    expect(Object.keys(report.steps)).toEqual(['golden_vectors', 'random_batches']);
  });

  test('an essential step alone passes: the status is 0', () => {
    wholeMachine();
    expect(check('--only', 'golden_vectors').status).toBe(0);
  });

  test('a benchmark of wrong results fails, and keeps its measurements', () => {
    wholeMachine();
    standIn('build', 'lpreg_bench_cuda', `echo '${measurement(1e-3)}'; echo '{"cut'`);
    const { report } = check('--only', 'benchmark');
    expect(report.steps.benchmark).toMatchObject({
      status: 'failed: 1 results are off',
      measurements: [{ ms: 1 }],
    });
  });

  test('a benchmark that crashes fails, and keeps what it had measured', () => {
    wholeMachine();
    standIn('build', 'lpreg_bench_cuda', `echo '${measurement(1e-7)}'; exit 1`);
    const { report } = check('--only', 'benchmark');
    expect(report.steps.benchmark).toMatchObject({
      status: 'failed: exit status 1',
      measurements: [{ ms: 1 }],
    });
  });

  test('a sanitizer that finds something fails, one that refuses the machine is not available', () => {
    wholeMachine();
    standIn(
      'tools',
      'compute-sanitizer',
      'case $2 in racecheck) exit 86;; synccheck) echo "Error: Device not supported"; exit 1;; esac',
    );
    const { report } = check('--only', 'sanitizer');
    expect(statusOf(report, 'sanitizer_memcheck')).toBe('passed');
    expect(statusOf(report, 'sanitizer_racecheck')).toBe('failed: exit status 86');
    expect(statusOf(report, 'sanitizer_synccheck')).toMatch(/^not available/);
  });

  test('no time is left: the running step ends with all it started, later ones are not run', () => {
    wholeMachine();
    const mark = join(folder, 'survived');
    standIn('build', 'lpreg_golden_cuda', `(sleep 8; touch ${mark}) & sleep 60`);
    const { status, report } = check(
      '--minutes',
      '0.02',
      '--only',
      'golden_vectors',
      '--only',
      'random_batches',
    );
    expect(status).toBe(1);
    expect(statusOf(report, 'golden_vectors')).toBe('failed: out of its time limit');
    expect(statusOf(report, 'random_batches')).toBe('not run: out of time');
    spawnSync('sleep', ['8']);
    expect(existsSync(mark)).toBe(false);
  });
});
