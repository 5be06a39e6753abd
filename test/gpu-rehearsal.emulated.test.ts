/** scripts/gpu/check --rehearse: the steps themselves, in small, over the emulated device. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { describeOnDevice, isEmulated } from './support/emulated-device.js';
import { pythonWith } from './support/python.js';

const script = join(import.meta.dirname, '../scripts/gpu/check');
const withTorch = pythonWith('torch');
const python = withTorch ?? pythonWith('json');

interface Step {
  readonly status: string;
  readonly [detail: string]: unknown;
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function rehearse(...steps: string[]): { kind: string; devices: unknown; steps: Record<string, Step> } {
  const results = mkdtempSync(join(tmpdir(), 'gpu-rehearsal-'));
  folders.push(results);
  const only = steps.flatMap((step) => ['--only', step]);
  const { stdout, stderr } = spawnSync(
    python as string,
    [script, '--rehearse', '--results', results, ...only],
    { encoding: 'utf8' },
  );
  const [file] = readdirSync(results);
  expect(file, stdout + stderr).toMatch(/^gpu-rehearsal-/);
  return JSON.parse(readFileSync(join(results, file as string), 'utf8'));
}

const statuses = (steps: Record<string, Step>) =>
  Object.fromEntries(Object.entries(steps).map(([name, { status, tail }]) => [name, tail ?? status]));

describeOnDevice('the check of a GPU, rehearsed', () => {
  const testInPython = test.runIf(isEmulated && python !== undefined);

  testInPython('golden vectors, random batches and the benchmark pass', { timeout: 300_000 }, () => {
    const { kind, devices, steps } = rehearse('golden_vectors', 'random_batches', 'benchmark');
    expect(kind).toBe('gpu-rehearsal');
    expect(devices).toEqual([{ name: 'emulated device' }]);
    expect(statuses(steps)).toEqual({
      golden_vectors: 'passed',
      random_batches: 'passed',
      benchmark: 'passed',
    });
    const measured = steps.benchmark?.measurements as Array<{ name: string; dtype: string; vocab: number }>;
    const kinds = new Set(measured.map(({ name, dtype, vocab }) => `${name} ${dtype} ${vocab}`));
    expect(kinds.size).toBe(4 * 2 * 2);
  });

  testInPython('what looks at machine code is not available', () => {
    const { steps } = rehearse('machine_code', 'sanitizer');
    const found = Object.values(statuses(steps));
    expect(found).toEqual(Array(5).fill('not available: machine code of an emulated device'));
  });

  testInPython('checks that begin in the same second have logs of their own', () => {
    for (let i = 0; i < 3; i++) expect(Object.keys(rehearse('machine_code').steps)).not.toEqual([]);
  });

  const isFull = process.env.LPREG_TEST_FULL === '1';

  test.runIf(isEmulated && isFull && withTorch !== undefined)(
    'the tests in Python and the peers run',
    { timeout: 500_000 },
    () => {
      const { steps } = rehearse('python', 'peers');
      expect(statuses(steps)).toEqual({ python: 'passed', peers: 'passed' });
      expect(steps.python?.tests).toBeGreaterThan(50);
      const measured = steps.peers?.measurements as Array<{ contender?: string; ms?: number }>;
      const ran = measured.filter(({ ms }) => ms !== undefined);
      expect(ran.map(({ contender }) => contender)).toEqual(
        expect.arrayContaining(['copy', 'lp-reg, one call', 'lp-reg, token_stats', 'torch eager']),
      );
    },
  );

  test.runIf(isEmulated && isFull)('build and native tests pass', { timeout: 600_000 }, () => {
    const { steps } = rehearse('build', 'native_tests');
    expect(statuses(steps)).toEqual({ build: 'passed', native_tests: 'passed' });
  });
});
