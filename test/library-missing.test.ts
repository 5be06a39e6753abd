/** An installation without its native part says what is wrong and what to do, when it is first used. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { inspect } from '../lib/index.js';

const root = join(import.meta.dirname, '..');
const { addonPath, libraryPath } = inspect();
let installation: string;
let release: string;

beforeEach(() => {
  installation = mkdtempSync(join(tmpdir(), 'installation-'));
  release = join(installation, 'build/Release');
  mkdirSync(release, { recursive: true });
  cpSync(join(root, 'dist'), join(installation, 'dist'), { recursive: true });
  for (const file of ['binding.cjs', 'package.json'])
    copyFileSync(join(root, file), join(installation, file));
  symlinkSync(join(root, 'node_modules'), join(installation, 'node_modules'));
});
afterEach(() => rmSync(installation, { recursive: true }));

/** Loads the installation, and uses it. */
function use(): { status: number | null; stdout: string } {
  const script = `
    const { LpRegError, inspect } = require('./dist/index.js');
    try {
      console.log('used', inspect().threads > 0);
    } catch (error) {
      console.log(error instanceof LpRegError, error.code, error.message, error.cause instanceof Error);
    }
  `;
  return spawnSync(process.execPath, ['-e', script], { cwd: installation, encoding: 'utf8' });
}

test('a copy with both parts works', () => {
  copyFileSync(addonPath, join(release, 'lp_reg.node'));
  copyFileSync(libraryPath, join(release, 'liblpreg.so'));
  expect(use()).toMatchObject({ status: 0, stdout: 'used true\n' });
});

test('an addon behind a symbolic link finds the library beside itself', () => {
  symlinkSync(addonPath, join(release, 'lp_reg.node'));
  expect(use()).toMatchObject({ status: 0, stdout: 'used true\n' });
});

test('no addon: ERR_LIBRARY with the command that builds it', () => {
  const { status, stdout } = use();
  expect(status).toBe(0);
  expect(stdout).toMatch(/^true ERR_LIBRARY /);
  expect(stdout).toContain('npm rebuild lp-reg');
  expect(stdout).toMatch(/ true\n$/);
});

test('no library beside the addon: ERR_LIBRARY with its path', () => {
  copyFileSync(addonPath, join(release, 'lp_reg.node'));
  const { stdout } = use();
  expect(stdout).toMatch(/^true ERR_LIBRARY /);
  expect(stdout).toContain(join(release, 'liblpreg.so'));
});

test('a library that is none: ERR_LIBRARY', () => {
  copyFileSync(addonPath, join(release, 'lp_reg.node'));
  writeFileSync(join(release, 'liblpreg.so'), 'not a library');
  expect(use().stdout).toMatch(/^true ERR_LIBRARY /);
});
