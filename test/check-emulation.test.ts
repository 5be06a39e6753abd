/** scripts/cuda/check-emulation over stand-ins for CMake and ctest: which parts run, and what a failed one leaves. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'check-emulation-'));
  for (const name of [
    'scripts/cuda',
    'tools',
    'cmake',
    'native',
    'lib',
    'python',
    'test',
    'build/emulation',
  ]) {
    mkdirSync(join(root, name), { recursive: true });
  }
  copyFileSync(
    join(import.meta.dirname, '../scripts/cuda/check-emulation'),
    join(root, 'scripts/cuda/check-emulation'),
  );
  writeFileSync(join(root, 'CMakeLists.txt'), '');
  executable('tools/cmake', `echo "cmake $*" >>${root}/calls`);
  executable('tools/ctest', `echo "ctest $*" >>${root}/calls; case "$*" in *"$FAILING"*) exit 8;; esac`);
  executable('build/emulation/lpreg_parity_emulated', `echo "parity $*" >>${root}/calls`);
});
afterEach(() => rmSync(root, { recursive: true }));

function executable(path: string, lines: string): void {
  writeFileSync(join(root, path), `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
}

/** `failing`: text of the ctest command that fails. Without nvcc, and without Node's dependencies. */
function check(args: readonly string[], failing = 'nothing') {
  writeFileSync(join(root, 'calls'), '');
  const { status, stdout } = spawnSync('bash', [join(root, 'scripts/cuda/check-emulation'), ...args], {
    encoding: 'utf8',
    env: { PATH: `${join(root, 'tools')}:/usr/bin:/bin`, FAILING: failing, LPREG_FUZZ_SECONDS: '7' },
  });
  const summary = stdout.split('\n').flatMap((line) => {
    const found = /^([\w-]+): (passed before|passed|built|FAILED|left out)/.exec(line);
    return found === null ? [] : [`${found[1]}: ${found[2]}`];
  });
  return { status, stdout, summary, calls: readFileSync(join(root, 'calls'), 'utf8') };
}

test('quick is what it does unless told otherwise, without the long tests', () => {
  const { status, summary, calls, stdout } = check([]);
  expect(status).toBe(0);
  expect(summary).toEqual(['device: passed', 'ptx-90: left out', 'api: left out', 'resources: left out']);
  expect(calls).toContain('-L ^emulated$ -LE long');
  expect(stdout).toContain('its PTX is not executed');
  expect(stdout).toContain('the API is not tested');
});

test('full runs every part, with sanitizers and with the long tests', () => {
  const { status, summary, calls } = check(['full']);
  expect(status).toBe(0);
  expect(summary.map((line) => line.split(':')[0])).toEqual([
    ...['device', 'ptx-90', 'ptx-75', 'api', 'resources', 'random', 'address', 'races', 'ucontext'],
  ]);
  expect(calls).toContain('-L ^emulated$ -LE none');
  expect(calls).toContain('-DLPREG_SANITIZE=address;undefined');
  expect(calls).toContain('-DLPREG_EMULATION_RACES=ON');
  expect(calls).toContain('parity --seconds 7');
});

test('a part runs alone; one that does not exist is wrong usage', () => {
  expect(check(['races']).summary).toEqual(['races: passed']);
  const { status, calls } = check(['race']);
  expect([status, calls]).toEqual([2, '']);
});

test('a part that fails fails the check, and the others run', () => {
  const { status, summary } = check(['address', 'races'], 'emulation-address');
  expect(status).toBe(1);
  expect(summary).toEqual(['address: FAILED', 'races: passed']);
});

test('--resume leaves out what has passed on the same sources', () => {
  check(['address', 'races'], 'emulation-races');
  const resumed = check(['address', 'races', '--resume']);
  expect(resumed.summary).toEqual(['address: passed before', 'races: passed']);
  expect(resumed.calls).not.toContain('emulation-address');
  writeFileSync(join(root, 'native/kernel.cu'), 'changed');
  expect(check(['address', '--resume']).summary).toEqual(['address: passed']);
});

test('--build builds what a part needs, runs nothing and counts for nothing', () => {
  const { status, summary, calls } = check(['device', 'random', 'address', '--build']);
  expect([status, summary]).toEqual([0, ['device: built', 'random: built', 'address: built']]);
  expect(calls).toContain('--target emulation_tests');
  expect(calls).not.toMatch(/^(ctest|parity)/m);
  expect(check(['address', '--resume']).summary).toEqual(['address: passed']);
});

test('what passed in quick has not passed whole', () => {
  check(['quick']);
  expect(check(['device', '--resume']).summary).toEqual(['device: passed']);
});
