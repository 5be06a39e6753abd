/** scripts/check-binaries.mjs finds what must not be in a release. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { inspect } from '../lib/index.js';

const root = join(import.meta.dirname, '..');
const { addonPath, libraryPath } = inspect();
const { FLOOR, neededVersions } = await import(join(root, 'scripts/check-binaries.mjs'));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'binaries-'));
  copyFileSync(addonPath, join(folder, 'lp_reg.node'));
  copyFileSync(libraryPath, join(folder, 'liblpreg.so'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function check(isRelease = false): { status: number | null; stderr: string } {
  const script = `
    import { checkFolder } from ${JSON.stringify(join(root, 'scripts/check-binaries.mjs'))};
    process.exitCode = checkFolder(${JSON.stringify(folder)}, { isRelease: ${isRelease} }) ? 0 : 1;
  `;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
}

/** Puts another library in the place of ours. */
function compileLibrary(source: string, ...options: string[]): void {
  const args = ['-shared', '-fPIC', '-x', 'c', '-', ...options, '-o', join(folder, 'liblpreg.so')];
  expect(spawnSync('cc', args, { input: source, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
}

describe.runIf(process.platform === 'linux')('binaries of a folder', () => {
  test('those of this build pass', () => {
    expect(check()).toMatchObject({ status: 0, stderr: '' });
  });

  test('one is missing: it fails', () => {
    rmSync(join(folder, 'liblpreg.so'));
    expect(check()).toMatchObject({ status: 1, stderr: expect.stringContaining('liblpreg.so is missing') });
  });

  test.each([
    [
      'another symbol is exported',
      'int lpreg_get_api, other;',
      [],
      'exports lpreg_get_api, other; expected lpreg_get_api',
    ],
    ['a search path is built in', 'int lpreg_get_api;', ['-Wl,-rpath,/opt'], 'has a RUNPATH: /opt'],
    ['crtfastmath is linked', 'int lpreg_get_api;', ['-ffast-math'], 'contains crtfastmath'],
  ])('%s: it fails', (_condition, source, options, message) => {
    compileLibrary(source, ...options);
    expect(check()).toMatchObject({ status: 1, stderr: expect.stringContaining(message) });
  });

  test('a library outside of the system is needed: it fails', () => {
    compileLibrary('int lpreg_get_api;');
    copyFileSync(join(folder, 'liblpreg.so'), join(folder, 'libother.so'));
    compileLibrary('int lpreg_get_api;', '-Wl,--no-as-needed', `-L${folder}`, '-lother');
    expect(check()).toMatchObject({ status: 1, stderr: expect.stringContaining('needs libother.so') });
  });

  test("the system's C++ runtime is needed: it fails", () => {
    compileLibrary('int lpreg_get_api;', '-Wl,--no-as-needed', '-lstdc++');
    expect(check()).toMatchObject({ status: 1, stderr: expect.stringContaining('needs libstdc++.so.6') });
  });

  test('more than a release has room for: it fails', () => {
    compileLibrary(
      'int lpreg_get_api = 1; static char more[1500000] = {1}; char *f(int i) { return more + i; }',
    );
    const stderr = expect.stringMatching(/has \d+ bytes beside its GPU kernels; the budget is \d+/);
    expect(check()).toMatchObject({ status: 1, stderr });
  });

  test('symbols are left in a release: it fails', () => {
    compileLibrary('int lpreg_get_api;');
    expect(check(true)).toMatchObject({ status: 1, stderr: expect.stringContaining('is not stripped') });
  });
});

test('versions are compared number by number, and definitions do not count', () => {
  const versions = ['GLIBC_2.9', 'GLIBC_2.34', 'GLIBC_2.4', 'GLIBCXX_3.4'];
  const symbols = [
    ...versions.map((version) => ({ name: 'f', version, defined: false })),
    { name: 'g', version: 'GLIBC_2.99', defined: true },
    { name: 'h', version: undefined, defined: false },
  ];
  expect(neededVersions(symbols)).toEqual({ GLIBC: '2.34', GLIBCXX: '3.4' });
});

test('the floor of the prebuilds is the one that the documents state', () => {
  const [readme, install] = ['README.md', 'docs/install.md'].map((file) =>
    readFileSync(join(root, file), 'utf8'),
  );
  expect(readme).toContain(`Prebuilt binaries need glibc ${FLOOR.GLIBC} `);
  expect(install).toContain(`| glibc | ${FLOOR.GLIBC} |`);
  expect(install).toContain(`| libgcc_s | GCC_${FLOOR.GCC} |`);
});
