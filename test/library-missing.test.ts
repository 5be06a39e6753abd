/** An installation without its native part says what was looked for, what is wrong and what to do, when it is used. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { inspect } from '../lib/index.js';

const root = join(import.meta.dirname, '..');
const { addonPath, libraryPath } = inspect();
const platform = `${process.platform}-${process.arch}`;
const LOCAL = 'build/Release';
const PREBUILD = `prebuilds/${platform}`;
let installation: string;

beforeEach(() => {
  installation = mkdtempSync(join(tmpdir(), 'installation-'));
  cpSync(join(root, 'dist'), join(installation, 'dist'), { recursive: true });
  for (const file of ['binding.cjs', 'package.json'])
    copyFileSync(join(root, file), join(installation, file));
});
afterEach(() => rmSync(installation, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(installation, path)), { recursive: true });
  writeFileSync(join(installation, path), text);
}

function putBinaries(folder: string, files = [addonPath, libraryPath]): void {
  mkdirSync(join(installation, folder), { recursive: true });
  for (const file of files) copyFileSync(file, join(installation, folder, file.split('/').at(-1) as string));
}

/** Loads the installation and uses it; prints what it loaded, or the error. */
function use(env: Readonly<Record<string, string>> = {}) {
  const script = `
    const { LpRegError, inspect } = require('./dist/index.js');
    try {
      const { addonOrigin, libraryOrigin, libraryPath } = inspect();
      console.log(addonOrigin, libraryOrigin, libraryPath);
    } catch (error) {
      console.log(error instanceof LpRegError, error.code, error.message, error.cause instanceof Error);
    }
  `;
  return spawnSync(process.execPath, ['-e', script], {
    cwd: installation,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}

describe('where the addon is found', () => {
  test('only the prebuild is there: it is used', () => {
    putBinaries(PREBUILD);
    const path = join(installation, PREBUILD, 'liblpreg.so');
    expect(use()).toMatchObject({ status: 0, stderr: '', stdout: `prebuild prebuild ${path}\n` });
  });

  test('a local build is there too: it is used, since somebody made it on purpose', () => {
    putBinaries(PREBUILD);
    putBinaries(LOCAL);
    expect(use().stdout).toMatch(/^local local /);
  });

  test('a local build that does not load: the prebuild is used, with one warning', () => {
    putBinaries(PREBUILD);
    put(`${LOCAL}/lp_reg.node`, 'not an addon');
    const { stdout, stderr } = use();
    expect(stdout).toMatch(/^prebuild prebuild /);
    expect(
      stderr.match(/\[LPREG_FALLBACK\] Warning: lp-reg: the local build .* using the prebuild/g),
    ).toHaveLength(1);
  });

  test('an addon behind a symbolic link finds the library beside itself', () => {
    mkdirSync(join(installation, LOCAL), { recursive: true });
    symlinkSync(addonPath, join(installation, LOCAL, 'lp_reg.node'));
    expect(use()).toMatchObject({ status: 0, stdout: `local local ${libraryPath}\n` });
  });
});

describe('what the error says', () => {
  test('nothing is there: both places, this system, and the command that compiles', () => {
    const { status, stdout } = use();
    expect(status).toBe(0);
    expect(stdout).toMatch(/^true ERR_LIBRARY /);
    for (const part of [
      `${join(installation, LOCAL, 'lp_reg.node')} (local): not there`,
      `${join(installation, PREBUILD, 'lp_reg.node')} (prebuild): not there`,
      `node ${process.version}`,
      'prebuilds here: none',
      `There is no prebuild for ${platform}.`,
      `run: node ${installation}/bin/lp-reg.js build`,
    ]) {
      expect(stdout).toContain(part);
    }
    if (process.platform === 'linux') expect(stdout).toMatch(/glibc \d+\.\d+|musl/);
  });

  test('prebuilds of other platforms: it lists them', () => {
    put('prebuilds/plan9-mips/lp_reg.node', '');
    expect(use().stdout).toContain('prebuilds here: plan9-mips');
  });

  test('no library beside the addon: its path', () => {
    putBinaries(PREBUILD, [addonPath]);
    const { stdout } = use();
    expect(stdout).toMatch(/^true ERR_LIBRARY /);
    expect(stdout).toContain(join(installation, PREBUILD, 'liblpreg.so'));
    expect(stdout).toContain('not the library that belongs beside it');
    expect(stdout).toMatch(/ true\n$/);
  });

  test('a library that is none: it may come from another machine', () => {
    putBinaries(PREBUILD, [addonPath]);
    put(`${PREBUILD}/liblpreg.so`, 'not a library');
    expect(use().stdout).toContain('damaged, or installed on another machine and copied');
  });
});

describe('LPREG_LIBRARY', () => {
  test('names a library: it is used in place of the one beside the addon', () => {
    putBinaries(PREBUILD);
    putBinaries('elsewhere', [libraryPath]);
    const path = join(installation, 'elsewhere/liblpreg.so');
    expect(use({ LPREG_LIBRARY: path }).stdout).toBe(`prebuild LPREG_LIBRARY ${path}\n`);
  });

  test('is empty: it counts as not set', () => {
    putBinaries(PREBUILD);
    expect(use({ LPREG_LIBRARY: '' }).stdout).toMatch(/^prebuild prebuild /);
  });

  test('names a file that is no library: ERR_LIBRARY names it', () => {
    putBinaries(PREBUILD);
    put('elsewhere/liblpreg.so', 'not a library');
    const path = join(installation, 'elsewhere/liblpreg.so');
    expect(use({ LPREG_LIBRARY: path }).stdout).toContain(`${path}: file too short`);
  });

  test.each([
    ['is relative', 'liblpreg.so', 'is not an absolute path'],
    ['names no file', '/nowhere/liblpreg.so', 'does not exist'],
  ])('%s: ERR_LIBRARY says so', (_condition, path, problem) => {
    putBinaries(PREBUILD);
    const stdout = `true ERR_LIBRARY LPREG_LIBRARY: '${path}' ${problem} false\n`;
    expect(use({ LPREG_LIBRARY: path })).toMatchObject({ status: 0, stdout });
  });
});
