/**
 * scripts/gpu/check without a GPU: what it says of what is missing, its steps over stand-ins for the tools, and its time
 * limits. gpu-rehearsal.emulated.test.ts runs the steps themselves.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
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

const scripts = join(import.meta.dirname, '../scripts/gpu');
const script = join(scripts, 'check');
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
  for (const name of ['tools', 'build', 'results', 'modules']) mkdirSync(join(folder, name));
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

/** PyTorch, as far as the check asks for it. */
function standInForTorch(lines: string): void {
  writeFileSync(join(folder, 'modules', 'torch.py'), `${lines}\n`);
}

const torchThatSees = (device: boolean) => `
class version: cuda = '13.0'
class cuda: is_available = staticmethod(lambda: ${device ? 'True' : 'False'})
__version__ = '9.9'`;

const executable = () =>
  spawnSync(python, ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).stdout.trim();
const given = (...args: string[]) => [
  script,
  ...['--build', join(folder, 'build')],
  ...['--results', join(folder, 'results')],
  ...args,
];
const environment = () => ({
  PATH: `${join(folder, 'tools')}:/usr/bin:/bin`,
  PYTHONPATH: join(folder, 'modules'),
  PYTHONDONTWRITEBYTECODE: '1',
  CUDACXX: 'nvcc',
});

function reportOf(): Report {
  const [file] = readdirSync(join(folder, 'results'));
  return JSON.parse(file === undefined ? '{}' : readFileSync(join(folder, 'results', file), 'utf8'));
}

function check(...args: string[]): { status: number | null; report: Report; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(executable(), given(...args), {
    encoding: 'utf8',
    env: environment(),
  });
  return { status, report: reportOf(), stdout, stderr };
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

  test.each([
    ['is absent', "raise ImportError('no torch')", /^not available: PyTorch for /],
    ['sees no device', torchThatSees(false), 'not available: a device for torch 9.9'],
  ])('PyTorch that %s: its steps are not available, and the check does not succeed', (_, torch, expected) => {
    wholeMachine();
    standInForTorch(torch);
    const { status, report } = check('--only', 'python', '--only', 'peers');
    expect(status).toBe(1);
    for (const step of ['python', 'peers']) expect(statusOf(report, step)).toMatch(expected);
  });

  test('tests in Python that fail, and none that ran: both are failures', () => {
    wholeMachine();
    standInForTorch(torchThatSees(true));
    const { report } = check('--only', 'python', '--only', 'peers');
    expect(report.steps.python).toMatchObject({ status: 'failed: exit status 1', skipped: [] });
    expect(report.steps.python?.tests).toBeGreaterThan(0);
    expect(report).toMatchObject({ torch: { version: '9.9', cuda: '13.0', sees_device: true } });
    // The stand-in has no tensors: the race breaks off, and that is no result.
    expect(report.steps.peers).toMatchObject({ status: 'failed: exit status 1', measurements: [] });
  });

  test('a peer that is missing is recorded with its reason; our own that is wrong fails the step', () => {
    const judge = (line: object) => {
      const { stdout } = spawnSync(
        executable(),
        [
          '-c',
          'import json, sys; from steps import wrong_peers; print(len(wrong_peers(json.load(sys.stdin))))',
        ],
        { cwd: scripts, encoding: 'utf8', env: environment(), input: JSON.stringify([line]) },
      );
      return stdout.trim();
    };
    expect(judge({ contender: 'Liger', not_available: 'liger_kernel: no module' })).toBe('0');
    expect(judge({ contender: 'lp-reg, one call', not_available: 'out of time' })).toBe('0');
    expect(judge({ contender: 'lp-reg, one call', not_available: 'gradient off by 1' })).toBe('1');
  });

  test('each step has a time limit of its own: the next one runs', () => {
    const program = `
from runner import Runner
from targets import GPU
runner = Runner({}, GPU, '.', '${folder}', '${folder}/results/gpu-1.json', '1', 100)
runner.run('slow', 1, ['sleep', '60'])
runner.run('two', 30, ['true'], ['sh', '-c', 'exit 4'], ['touch', '${folder}/third'])
runner.run('next', 30, ['true'])
print(runner.succeeded(['next']), runner.succeeded(['absent']))`;
    const { stdout, stderr } = spawnSync(executable(), ['-c', program], {
      cwd: scripts,
      encoding: 'utf8',
      env: environment(),
    });
    expect(stderr).toBe('');
    const { steps } = reportOf();
    expect(steps.slow).toMatchObject({ status: 'failed: out of its time limit', limit_s: 1 });
    expect(steps.two).toMatchObject({ status: 'failed: exit status 4' });
    expect(existsSync(join(folder, 'third'))).toBe(false);
    expect(steps.next).toMatchObject({ status: 'passed', log: expect.stringContaining('next.log') });
    expect(stdout.trim().split('\n').at(-1)).toBe('False False');
  });

  test('whoever ends the check ends what it runs, and the file says so', async () => {
    wholeMachine();
    const mark = join(folder, 'survived');
    standIn('build', 'lpreg_golden_cuda', `touch ${folder}/begun; (sleep 4; touch ${mark}) & sleep 60`);
    const process = spawn(executable(), given('--only', 'golden_vectors', '--only', 'random_batches'), {
      env: environment(),
      stdio: 'ignore',
    });
    while (!existsSync(join(folder, 'begun'))) await new Promise((resolve) => setTimeout(resolve, 50));
    process.kill('SIGTERM');
    const [status] = await once(process, 'exit');
    expect(status).toBe(143);
    expect(Object.entries(reportOf().steps).map(([step, { status }]) => [step, status])).toEqual([
      ['golden_vectors', 'failed: interrupted'],
    ]);
    spawnSync('sleep', ['5']);
    expect(existsSync(mark)).toBe(false);
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
