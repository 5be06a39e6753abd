/** Causes and commands of the message about a library that does not load, on systems other than this one. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { explainLoadFailure, type LoadFailure } from '../lib/native/load-failure.js';
import { buildAdvice } from '../lib/native/package-manager.js';

/** What node-gyp-build says. */
const NONE = 'No native build was found for platform=plan9\n    loaded from: /package\n';
let project: string;
let folder: string;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'project-'));
  folder = join(project, 'node_modules/lp-reg');
  plant('node_modules/lp-reg/package.json');
});
afterEach(() => rmSync(project, { recursive: true }));

function plant(path: string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), '');
}

function explain(problem: string, change: Partial<LoadFailure> = {}): string {
  return explainLoadFailure({
    file: { origin: 'prebuild', path: '/package/prebuilds/linux-x64/lp-reg.glibc.node' },
    problem,
    system: { platform: 'linux-x64', libc: 'glibc 2.28', node: 'v20.20.2' },
    version: '0.1.0',
    prebuilt: ['linux-x64'],
    folder,
    isBundle: false,
    ...change,
  });
}

describe('cause', () => {
  test.each([
    [
      "/lib64/libc.so.6: version `GLIBC_2.34' not found (required by liblpreg.so)",
      /older than the binary needs/,
    ],
    ["/lib64/libstdc++.so.6: version `GLIBCXX_3.4.30' not found", /older than the binary needs/],
    ['libstdc++.so.6: cannot open shared object file: No such file or directory', /libstdc\+\+6/],
    ['/x/liblpreg.so: cannot open shared object file', /not the library that belongs beside it/],
    ['/x/lp_reg.node: invalid ELF header', /another machine/],
    ['cannot allocate memory in static TLS block', /See the messages above/],
  ])('%s', (problem, cause) => {
    const text = explain(problem);
    expect(text).toContain(`/package/prebuilds/linux-x64/lp-reg.glibc.node (prebuild): ${problem}`);
    expect(text).toContain('linux-x64, glibc 2.28, node v20.20.2, lp-reg 0.1.0');
    expect(text.split('why:\n')[1]?.split('\n')[0]).toMatch(cause);
  });

  test('musl: the prebuilds are not for it', () => {
    const system = { platform: 'linux-x64', libc: 'musl', node: 'v24.0.0' };
    const text = explain('built for glibc, not tried on musl', { system });
    expect(text).toContain('The prebuilds are for glibc, and this system uses musl.');
    expect(text).toContain('run: ');
  });

  test('Windows: WSL, and no command that cannot work', () => {
    const text = explain(NONE, {
      file: undefined,
      system: { platform: 'win32-x64', libc: '', node: 'v24.0.0' },
    });
    expect(text).toContain('WSL 2');
    expect(text).not.toContain('run: ');
  });

  test('a platform without prebuild: its name', () => {
    const system = { platform: 'linux-riscv64', libc: 'glibc 2.39', node: 'v24.0.0' };
    expect(explain(NONE, { file: undefined, system })).toContain('There is no prebuild for linux-riscv64.');
  });
});

describe('a local build that does not load', () => {
  const file = { origin: 'local', path: '/package/build/Release/lp_reg.node' } as const;

  test('a prebuild of this platform: what to delete to use it', () => {
    expect(explain('invalid ELF header', { file })).toContain(
      `to use the prebuild instead, delete ${folder}/build`,
    );
  });

  test('no prebuild of this platform: the build is not to be deleted', () => {
    expect(explain('invalid ELF header', { file, prebuilt: [] })).not.toContain('delete');
  });
});

describe('command', () => {
  test.each([
    ['package-lock.json', 'npx lp-reg build'],
    ['pnpm-lock.yaml', 'pnpm exec lp-reg build'],
    ['yarn.lock', 'yarn lp-reg build'],
    ['bun.lock', 'bunx lp-reg build'],
    ['bun.lockb', 'bunx lp-reg build'],
    ['package.json', 'npx lp-reg build'],
  ])('%s in the project: %s', (lockFile, command) => {
    plant(lockFile);
    plant('node_modules/.bin/lp-reg');
    expect(buildAdvice(folder)).toStrictEqual({ command, project });
  });

  test('lock file of a workspace: it is found above the project', () => {
    plant('pnpm-lock.yaml');
    plant('packages/app/node_modules/.bin/lp-reg');
    const nested = join(project, 'packages/app/node_modules/lp-reg');
    expect(buildAdvice(nested).command).toBe('pnpm exec lp-reg build');
  });

  test("yarn's Plug'n'Play: yarn runs it, with its own resolution of modules", () => {
    plant('.pnp.cjs');
    plant('yarn.lock');
    const unplugged = join(project, '.yarn/unplugged/lp-reg-npm-0.1.0/node_modules/lp-reg');
    expect(buildAdvice(unplugged)).toStrictEqual({ command: 'yarn lp-reg build', project });
  });

  test('a dependency of a dependency has no command in the project: its own file is run', () => {
    plant('package-lock.json');
    expect(buildAdvice(folder).command).toBe(`node ${folder}/bin/lp-reg.js build`);
  });

  test('a path that a shell would split: it is quoted', () => {
    const odd = join(project, "it's here");
    expect(buildAdvice(odd).command).toBe(`node '${project}/it'\\''s here/bin/lp-reg.js' build`);
  });

  test('a checkout: its own build', () => {
    plant('tsconfig.json');
    expect(buildAdvice(project)).toStrictEqual({ command: 'npm run build:native', project });
  });
});
