/** The command around `eval`: help, wrong usage, `inspect`, and the executable file itself. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { executable, lpReg } from './support/cli.js';

const folder = mkdtempSync(join(tmpdir(), 'lp-reg-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('usage of lp-reg', () => {
  it.each([
    ['--help'],
    ['-h'],
    ['eval', '--help'],
    ['inspect', '--help'],
    ['bench', '--help'],
    ['build', '--help'],
  ])('%s %s prints the usage', (...args) => {
    const { status, stdout, stderr } = lpReg(args.filter((arg) => arg !== undefined));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage:/);
  });

  it('--version prints the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(__dirname, '../package.json'), 'utf8'));
    expect(lpReg(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n` });
  });

  const wrong: [string, string[], RegExp][] = [
    ['no command', [], /command is missing/],
    ['unknown command', ['run'], /unknown command 'run'/],
    ['no batch', ['eval', '--out', 'x'], /batch file is missing/],
    ['two batches', ['eval', 'a', 'b', '--out', 'x'], /also 'b'/],
    ['no output', ['eval', 'a'], /--out is missing/],
    ['output without a value', ['eval', 'a', '--out'], /out/],
    ['unknown option', ['eval', 'a', '--out', 'x', '--gpu', '0'], /--gpu/],
    ['device of another back end', ['eval', 'a', '--out', 'x', '--device', '0'], /--device has no effect/],
    [
      'device that is no number',
      ['eval', 'a', '--out', 'x', '--backend', 'cuda', '--device', 'gpu'],
      /--device must be an integer from 0/,
    ],
    [
      'unknown back end',
      ['eval', 'a', '--out', 'x', '--backend', 'gpu'],
      /--backend must be one of auto, cpu, cuda/,
    ],
    [
      'unknown gradient dtype',
      ['eval', 'a', '--out', 'x', '--grad-dtype', 'f32'],
      /--grad-dtype must be one of/,
    ],
    ['no threads', ['eval', 'a', '--out', 'x', '--threads', '0'], /--threads must be an integer from 1/],
    ['half a thread', ['eval', 'a', '--out', 'x', '--threads', '1.5'], /--threads must be/],
    ['value for a flag', ['eval', 'a', '--out', 'x', '--json=yes'], /json/],
    ['argument for inspect', ['inspect', 'a'], /'a'/],
    ['no rows for bench', ['bench', '--rows', '0'], /--rows must be an integer from 1/],
    ['unknown dtype for bench', ['bench', '--dtype', 'f32'], /--dtype must be one of/],
    ['unknown option of build', ['build', '--gpu'], /--gpu/],
    ['unknown option of inspect', ['inspect', '--verbose'], /--verbose/],
  ];

  it.each(wrong)('%s: status 2, the reason and the usage on stderr', (_condition, args, message) => {
    const { status, stdout, stderr } = lpReg(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr.split('\n')[0]).toMatch(message);
    expect(stderr).toContain('Usage:');
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe('lp-reg inspect', () => {
  const report = JSON.parse(lpReg(['inspect', '--json']).stdout);

  it('JSON report names binary, instruction sets, threads and back ends', () => {
    expect(isAbsolute(report.addonPath) && isAbsolute(report.libraryPath)).toBe(true);
    expect(report.abiVersion).toBe(1);
    expect(report.instructionSets).toContain(report.instructionSet);
    expect(report.threads).toBeGreaterThanOrEqual(1);
    expect(report.backends.cpu).toBe(true);
    expect(report.backends.cuda.available || report.backends.cuda.reason).toBeTruthy();
  });

  it('text report says the same', () => {
    const { status, stdout } = lpReg(['inspect']);
    expect(status).toBe(0);
    for (const part of [report.version, report.addonPath, report.libraryPath, report.instructionSet])
      expect(stdout).toContain(part);
    expect(stdout).toMatch(/^cuda +(on|off: .+)$/m);
  });

  it('instruction set forced by LPREG_ISA is the one in use', () => {
    const forced = JSON.parse(lpReg(['inspect', '--json'], { LPREG_ISA: 'baseline' }).stdout);
    expect(forced).toMatchObject({ instructionSet: 'baseline', LPREG_ISA: 'baseline' });
    expect(lpReg(['inspect'], { LPREG_ISA: 'baseline' }).stdout).toContain('LPREG_ISA=baseline');
  });

  it('instruction set that does not exist is a typed error', () => {
    const { status, stderr } = lpReg(['inspect'], { LPREG_ISA: 'sse9' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^lp-reg: ERR_\w+: .*LPREG_ISA/);
  });
});

describe('incomplete installation', () => {
  const JAVASCRIPT = ['bin', 'dist', 'binding.cjs', 'package.json'];

  /** The package and what it depends on, without some of its parts. */
  function install(name: string, parts: readonly string[]): string {
    const target = join(folder, name);
    for (const part of parts) cpSync(join(__dirname, '..', part), join(target, part), { recursive: true });
    return join(target, 'bin/lp-reg.js');
  }

  it('native library missing: ERR_LIBRARY with the way out, and --version still works', () => {
    const command = install('no-library', [...JAVASCRIPT, 'node_modules/node-gyp-build']);
    const { status, stderr } = spawnSync(command, ['inspect'], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^lp-reg: ERR_LIBRARY: /);
    expect(stderr).toContain('bin/lp-reg.js build');
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(spawnSync(command, ['--version']).status).toBe(0);
  });

  it('dependency missing: ERR_LIBRARY says to install again', () => {
    const { status, stderr } = spawnSync(install('no-dependency', JAVASCRIPT), ['inspect'], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^lp-reg: ERR_LIBRARY: /);
    expect(stderr).toContain("Cannot find module 'node-gyp-build'");
    expect(stderr).toContain('Install lp-reg again, with its dependencies.');
    expect(stderr).not.toContain('run: ');
  });

  it('JavaScript not built: ERR_LIBRARY with the command that builds it', () => {
    const { status, stderr } = spawnSync(install('no-dist', ['bin']), ['--help'], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^lp-reg: ERR_LIBRARY: .*npm run bootstrap\n$/);
  });
});

describe('executable file', () => {
  it('a link to it runs from another folder', () => {
    const link = join(folder, 'lp-reg');
    symlinkSync(executable, link);
    expect(spawnSync(link, ['--version'], { cwd: folder, encoding: 'utf8' }).status).toBe(0);
  });

  it('a reader that closes the pipe early sees no stack trace', () => {
    const { stderr } = spawnSync(
      'sh',
      ['-c', `"${executable}" --help | true; "${executable}" inspect | true`],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
  });
});
