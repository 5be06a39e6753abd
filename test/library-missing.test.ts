/** An installation without its native part says what was looked for, what is wrong and what to do, when it is used. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { inspect } from '../lib/index.js';

const root = join(import.meta.dirname, '..');
const { addonPath, libraryPath } = inspect();
const platform = `${process.platform}-${process.arch}`;
const LOCAL = 'build/Release';
const PREBUILD = `prebuilds/${platform}`;
/** Of the addon, by folder: that of a prebuild says which C library it needs. */
const addonName = (folder: string) => (folder === PREBUILD ? 'lp-reg.glibc.node' : 'lp_reg.node');
let installation: string;

beforeEach(() => {
  installation = mkdtempSync(join(tmpdir(), 'installation-'));
  cpSync(join(root, 'dist'), join(installation, 'dist'), { recursive: true });
  for (const file of ['binding.cjs', 'package.json', 'node_modules/node-gyp-build'])
    cpSync(join(root, file), join(installation, file), { recursive: true });
});
afterEach(() => rmSync(installation, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(installation, path)), { recursive: true });
  writeFileSync(join(installation, path), text);
}

function putBinaries(folder: string, files = [addonPath, libraryPath]): void {
  mkdirSync(join(installation, folder), { recursive: true });
  for (const file of files) {
    const name = file === addonPath ? addonName(folder) : basename(file);
    copyFileSync(file, join(installation, folder, name));
  }
}

/** Loads the installation and uses it; prints what it loaded, or the error. */
function use(env: Readonly<Record<string, string>> = {}, node = process.execPath) {
  const script = `
    const { LpRegError, inspect } = require('./dist/index.js');
    try {
      const { addonOrigin, libraryOrigin, libraryPath } = inspect();
      console.log(addonOrigin, libraryOrigin, libraryPath);
    } catch (error) {
      console.log(error instanceof LpRegError, error.code, error.message, error.cause instanceof Error);
    }
  `;
  return spawnSync(node, ['-e', script], {
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

  test('PREBUILDS_ONLY is set: the prebuild is used where there is a local build too', () => {
    putBinaries(PREBUILD);
    putBinaries(LOCAL);
    expect(use({ PREBUILDS_ONLY: '1' }).stdout).toMatch(/^prebuild prebuild /);
  });

  test('a local build that does not load: ERR_LIBRARY says so, and what to delete to use the prebuild', () => {
    putBinaries(PREBUILD);
    put(`${LOCAL}/lp_reg.node`, 'not an addon');
    const { stdout } = use();
    expect(stdout).toMatch(/^true ERR_LIBRARY /);
    expect(stdout).toContain(`${join(installation, LOCAL, 'lp_reg.node')} (local): `);
    expect(stdout).toContain(`to use the prebuild instead, delete ${join(installation, 'build')}`);
  });

  test.runIf(process.platform === 'linux')('only a prebuild for musl is there: it is not tried', () => {
    putBinaries(PREBUILD);
    const [glibc, musl] = ['glibc', 'musl'].map((libc) =>
      join(installation, PREBUILD, `lp-reg.${libc}.node`),
    );
    renameSync(glibc as string, musl as string);
    expect(use().stdout).toContain('No native build was found for platform=linux');
  });

  test('LP_REG_PREBUILD and the folder of node name other binaries: they are refused', () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'elsewhere-'));
    try {
      putBinaries(PREBUILD);
      renameSync(join(installation, 'prebuilds'), join(elsewhere, 'prebuilds'));
      const outside = `${elsewhere}/${PREBUILD}/${addonName(PREBUILD)} lies outside of the package`;
      expect(use({ LP_REG_PREBUILD: elsewhere }).stdout).toContain(outside);
      copyFileSync(process.execPath, join(elsewhere, 'node'));
      expect(use({}, join(elsewhere, 'node')).stdout).toContain(outside);
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });

  // A preloaded module makes this system look like one with musl, as far as it is asked.
  test.runIf(process.platform === 'linux').each([
    ['Alpine', { LIBC: 'musl' }, 'No native build was found'],
    ['another distribution', {}, 'built for glibc, not tried on musl'],
  ])('musl, on %s: the prebuild is not loaded, and the error says why and what to do', (_, env, problem) => {
    putBinaries(PREBUILD);
    put(
      'musl.cjs',
      `
      const fs = require('node:fs');
      const { readdirSync } = fs;
      fs.readdirSync = (path, ...rest) =>
        path === '/lib' ? ['ld-musl-x86_64.so.1'] : readdirSync(path, ...rest);
      process.report.getReport = () => ({ header: {} });
      `,
    );
    const { stdout } = use({ ...env, NODE_OPTIONS: `--require ${join(installation, 'musl.cjs')}` });
    for (const part of [
      problem,
      `${platform}, musl, node ${process.version}`,
      'The prebuilds are for glibc, and this system uses musl.',
      `run: node ${installation}/bin/lp-reg.js build`,
    ])
      expect(stdout).toContain(part);
  });

  test('an addon behind a symbolic link finds the library beside itself', () => {
    mkdirSync(join(installation, LOCAL), { recursive: true });
    symlinkSync(addonPath, join(installation, LOCAL, 'lp_reg.node'));
    expect(use()).toMatchObject({ status: 0, stdout: `local local ${libraryPath}\n` });
  });
});

describe('what the error says', () => {
  test('nothing is there: where it was looked for, this system, and the command that compiles', () => {
    const { status, stdout } = use();
    expect(status).toBe(0);
    expect(stdout).toMatch(/^true ERR_LIBRARY /);
    for (const part of [
      `No native build was found for platform=${process.platform} arch=${process.arch} `,
      `loaded from: ${installation}`,
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
    put('prebuilds/plan9-mips/lp-reg.node', '');
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
