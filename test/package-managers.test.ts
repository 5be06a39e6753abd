/** The package of a release as other package managers install it, which block install scripts. Needs the registry. */
import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { outcome, Project } from './support/package/project.js';
import { Tarballs } from './support/package/tarball.js';
import { packageFile } from './support/package/tools.js';

const runs = process.env.LPREG_TEST_PREBUILDS !== undefined;
/** `exec` runs a command of ours, `node` a program. */
const MANAGERS = [
  { name: 'pnpm', version: '12.21.0', file: '../.bin/pnpm', exec: ['exec'], node: ['exec', 'node'] },
  { name: 'bun', version: '1.4.5', file: '../.bin/bun', exec: ['x'], node: ['run', 'node'] },
  { name: 'yarn', version: '1.22.22', file: '../.bin/yarn', exec: ['-s'], node: ['-s', 'node'] },
  { name: '@yarnpkg/cli-dist', version: '4.18.1', file: '../../.bin/yarn', exec: [], node: ['node'] },
] as const;

const tarballs = new Tarballs();
let tarball: string;

beforeAll(() => {
  if (runs) tarball = tarballs.pack();
});
afterAll(() => tarballs.remove());

describe.each(MANAGERS)('$name $version', ({ name, version, file, exec, node }) => {
  const manager = runs ? packageFile(name, version, file) : undefined;

  test.skipIf(manager === undefined)('adding the package succeeds, it loads, and its command runs', () => {
    const project = new Project();
    // With the user's own settings, since these managers fetch what the package depends on.
    const run = (args: readonly string[]) =>
      outcome(spawnSync(realpathSync(manager as string), args, { cwd: project.folder, encoding: 'utf8' }));
    try {
      expect(run(['add', `lp-reg@file:${tarball}`])).toMatchObject({ status: 0 });
      const program = project.write('loads.cjs', "console.log(require('lp-reg').inspect().addonOrigin)");
      expect(run([...node, program])).toMatchObject({
        status: 0,
        stdout: expect.stringContaining('prebuild'),
      });
      const usage = expect.stringContaining('lp-reg build [--cuda]');
      expect(run([...exec, 'lp-reg', 'build', '--help'])).toMatchObject({ status: 0, stdout: usage });
    } finally {
      project.remove();
    }
  });
});
