/** A project that installs the package as a user does, on a machine with as few programs as the test wants. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Tarballs } from './tarball.js';

/** The programs of a project's PATH. */
export interface Programs {
  /** @default the node that runs the tests */
  readonly node?: string | undefined;
  /** `npm-cli.js`. @default that of the npm on PATH */
  readonly npm?: string | undefined;
  /** Whether cmake and compilers are there. @default false */
  readonly compilers?: boolean;
}

export interface Installation {
  readonly ignoreScripts?: boolean;
}

function onPath(program: string): string {
  const found = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim();
  return realpathSync(found);
}

/** Programs that the package must not need. */
const COMPILERS = ['cmake', 'make', 'c++', 'g++', 'cc', 'gcc', 'ld', 'as', 'ar', 'ranlib'];

export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'lp-reg-project-'));
  readonly #path = join(this.folder, '.path');
  readonly #home = join(this.folder, '.home');

  constructor({ node = process.execPath, npm = onPath('npm'), compilers = false }: Programs = {}) {
    mkdirSync(this.#path);
    mkdirSync(this.#home);
    this.#link('node', node);
    this.#link('npm', npm);
    this.#link('npx', join(dirname(npm), 'npx-cli.js'));
    this.#link('sh', '/bin/sh');
    this.write('package.json', JSON.stringify({ name: 'consumer', private: true }));
    if (compilers) this.addCompilers();
  }

  #link(name: string, target: string): void {
    symlinkSync(target, join(this.#path, name));
  }

  /** From now on the project's machine has cmake, make and a compiler; with ccache if these tests use it. */
  addCompilers(): void {
    const usesCcache = process.env.CMAKE_CXX_COMPILER_LAUNCHER === 'ccache';
    for (const program of usesCcache ? [...COMPILERS, 'ccache'] : COMPILERS)
      this.#link(program, onPath(program));
  }

  write(path: string, text: string): string {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  /** Path of a file of the installed package. */
  installed(path: string): string {
    return join(this.folder, 'node_modules/lp-reg', path);
  }

  /** Installs a tarball and what it depends on, without a network. */
  install(tarball: string, tarballs: Tarballs, { ignoreScripts = false }: Installation = {}) {
    const flags = ['--offline', '--no-audit', '--no-fund', ...(ignoreScripts ? ['--ignore-scripts'] : [])];
    return this.run('npm', ['install', ...flags, tarball, ...tarballs.dependencies()]);
  }

  /** Runs a program of the project's PATH in its folder. */
  run(
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): SpawnSyncReturns<string> {
    const own = { PATH: this.#path, HOME: this.#home, npm_config_userconfig: join(this.#home, 'npmrc') };
    const launcher = process.env.CMAKE_CXX_COMPILER_LAUNCHER;
    const caches = Object.entries(process.env).filter(
      ([name]) => launcher && /^(CCACHE_|CMAKE_.*_LAUNCHER$)/.test(name),
    );
    return spawnSync(command, args, {
      cwd: this.folder,
      encoding: 'utf8',
      env: { ...Object.fromEntries(caches), ...own, ...env },
      timeout: 1_800_000,
    });
  }

  /** Runs one line of shell, as a user types it. */
  shell(line: string): SpawnSyncReturns<string> {
    return this.run('sh', ['-c', line]);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Status and output of a command in one value, for comparisons that show both when they fail. */
export function outcome({ status, stdout, stderr }: SpawnSyncReturns<string>) {
  return { status, stdout, stderr };
}
