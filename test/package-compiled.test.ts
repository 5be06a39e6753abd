/** The packed package without its prebuild: what its error tells the user to do is done, and works. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { outcome, Project } from './support/package/project.js';
import { packedFiles, Tarballs } from './support/package/tarball.js';
import { nodeProgram, npmProgram } from './support/package/tools.js';

/** Compiling takes minutes. */
const isSlowRun = process.env.LPREG_TEST_PREBUILDS !== undefined;

const tarballs = new Tarballs();
let tarball: string;
let project: Project;

beforeAll(() => {
  tarball = tarballs.pack({ prebuild: false });
});
afterEach(() => project.remove());
afterAll(() => tarballs.remove());

/** The command in the error of a package that does not load. */
function printedCommand(): string {
  const { status, stderr } = project.run('npx', ['lp-reg', 'inspect']);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^lp-reg: ERR_LIBRARY: the native library could not be loaded\.$/m);
  return /^ *run: (.+)$/m.exec(stderr)?.[1] as string;
}

function expectLocalBuild(): void {
  const { status, stdout, stderr } = project.run('npx', ['lp-reg', 'inspect', '--json']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ addonOrigin: 'local' });
}

/** Files of the package that the compiler has read. */
function filesCompiled(): Set<string> {
  const folder = project.installed('build/package');
  const depfiles = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.o.d'),
  );
  const text = depfiles.map((path) => readFileSync(join(folder, path), 'utf8')).join('\n');
  const paths = text
    .split(/\s+/)
    .map((path) => resolve(folder, path))
    .filter((path) => path.startsWith(project.installed('native/')));
  return new Set(paths.map((path) => path.slice(project.installed('/').length)));
}

/** The npm of this machine, and in slow runs others with a Node that they support. */
const NPMS: readonly { npmVersion: string; nodeVersion: string | undefined }[] = isSlowRun
  ? [
      { npmVersion: '11.19.1', nodeVersion: '20.20.2' },
      { npmVersion: '12.2.0', nodeVersion: '24.21.0' },
    ]
  : [{ npmVersion: 'of this machine', nodeVersion: undefined }];

describe.each(NPMS)('npm $npmVersion', ({ npmVersion, nodeVersion }) => {
  const programs =
    nodeVersion === undefined ? {} : { npm: npmProgram(npmVersion), node: nodeProgram(nodeVersion) };

  test.skipIf(Object.values(programs).includes(undefined))(
    'no compiler: installing succeeds, and the printed command names what is missing',
    () => {
      project = new Project(programs);
      expect(outcome(project.install(tarball, tarballs))).toMatchObject({ status: 0 });
      const { status, stderr } = project.shell(printedCommand());
      expect(status).toBe(1);
      expect(stderr).toContain('cmake was not found on PATH');
      expect(stderr).toContain('apt-get install cmake g++ make');
      expect(stderr).not.toMatch(/\n\s+at /);
    },
  );
});

test.runIf(isSlowRun)('a compiler arrives later: the printed command compiles it, and it loads', () => {
  project = new Project();
  project.install(tarball, tarballs);
  const command = printedCommand();
  project.addCompilers();
  const { status, stdout, stderr } = project.shell(command);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^lp-reg: configuring\n/);
  expect(stdout).toContain('lp-reg: ready: ');
  expectLocalBuild();

  // Kernels of instruction sets have their place on other machines, the CUDA back end on those with nvcc.
  const cpuSources = packedFiles().filter(
    (path) => /^native\/(?!cuda\/|engine\/device\/)/.test(path) && !/_(avx2|avx512|neon)\.\w+$/.test(path),
  );
  const compiled = filesCompiled();
  expect(cpuSources.filter((path) => !compiled.has(path))).toEqual([]);
});

test.runIf(isSlowRun)("the project's own postinstall script: npm install compiles it, once", () => {
  project = new Project({ compilers: true });
  const scripts = { postinstall: 'lp-reg build --if-needed' };
  project.write('package.json', JSON.stringify({ name: 'consumer', private: true, scripts }));
  // npm runs the project's scripts when it installs what package.json names, not when a package is added.
  project.install(tarball, tarballs);
  expect(outcome(project.run('npm', ['install', '--offline']))).toMatchObject({ status: 0 });
  expectLocalBuild();
  const again = project.run('npm', ['run', 'postinstall']);
  expect(again.stdout).toContain('lp-reg: the package loads as it is; nothing to build');
});
