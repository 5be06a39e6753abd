/** Bundles that docs/install.md describes, made by esbuild and run. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { bundleProgram, ESM_BANNER } from './support/package/bundle.js';
import { outcome, Project } from './support/package/project.js';
import { Tarballs } from './support/package/tarball.js';

const PROGRAM = "import { inspect } from 'lp-reg'; console.log(inspect().libraryPath);";
const BINARIES = `prebuilds/${process.platform}-${process.arch}`;
const FORMATS = [
  { format: 'cjs', file: 'app.cjs' },
  { format: 'esm', file: 'app.mjs', banner: { js: ESM_BANNER } },
] as const;

const tarballs = new Tarballs();
const project = new Project();
let entry: string;
/** A folder without node_modules above it. */
let deployed: string;

beforeAll(() => {
  project.install(tarballs.pack(), tarballs, { ignoreScripts: true });
  entry = project.write('app.mjs', PROGRAM);
});
beforeEach(() => {
  deployed = mkdtempSync(join(tmpdir(), 'lp-reg-deployed-'));
  return () => rmSync(deployed, { recursive: true });
});
afterAll(() => {
  project.remove();
  tarballs.remove();
});

test.each(FORMATS)(
  '$format bundle with the package external: it loads from node_modules',
  ({ format, file }) => {
    bundleProgram(entry, join(project.folder, 'dist', file), { format, external: ['lp-reg'] });
    const stdout = `${project.installed(BINARIES)}/liblpreg.so\n`;
    expect(outcome(project.run('node', [`dist/${file}`]))).toEqual({ status: 0, stdout, stderr: '' });
  },
);

test.each(FORMATS)(
  '$format bundle with the prebuilds beside it: it loads from there',
  ({ file, ...options }) => {
    bundleProgram(entry, join(deployed, file), options);
    cpSync(project.installed('prebuilds'), join(deployed, 'prebuilds'), { recursive: true });
    const stdout = `${join(deployed, BINARIES)}/liblpreg.so\n`;
    expect(outcome(project.run('node', [join(deployed, file)]))).toEqual({ status: 0, stdout, stderr: '' });
  },
);

test('bundle without the prebuilds: ERR_LIBRARY says where they are to be copied', () => {
  bundleProgram(entry, join(deployed, 'app.cjs'), { format: 'cjs' });
  const { status, stderr } = project.run('node', [join(deployed, 'app.cjs')]);
  expect(status).toBe(1);
  expect(stderr).toContain("code: 'ERR_LIBRARY'");
  expect(stderr).toContain('A bundler has moved the JavaScript away from the binaries.');
  expect(stderr).toContain(`copy the prebuilds folder of the package to\n    ${join(deployed, 'prebuilds')}`);
});
