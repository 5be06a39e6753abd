/** The package of a release on every supported Node, as npm 11 and npm 12 install it. Needs LPREG_TEST_PREBUILDS. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bundleGoldenConsumer } from './support/package/bundle.js';
import { outcome, Project } from './support/package/project.js';
import { Tarballs } from './support/package/tarball.js';
import { nodeProgram, npmProgram } from './support/package/tools.js';
import { compileGoldenConsumer } from './support/package/typescript.js';
import { vectorNames } from './support/vectors.js';

const runs = process.env.LPREG_TEST_PREBUILDS !== undefined;
const MATRIX = [
  { nodeVersion: '20.20.2', npmVersion: '11.19.1' },
  { nodeVersion: '22.23.3', npmVersion: '12.2.0' },
  { nodeVersion: '24.21.0', npmVersion: '12.2.0' },
  { nodeVersion: '26.10.0', npmVersion: '12.2.0' },
];

/** Compute capabilities that a prebuild with CUDA has machine code for. */
const ARCHITECTURES = ['7.5', '8.0', '9.0', '10.0', '12.0'];

const tarballs = new Tarballs();
let tarball: string;

beforeAll(() => {
  if (runs) tarball = tarballs.pack();
});
afterAll(() => tarballs.remove());

describe.each(MATRIX)('Node $nodeVersion, npm $npmVersion', ({ nodeVersion, npmVersion }) => {
  const [node, npm] = runs ? [nodeProgram(nodeVersion), npmProgram(npmVersion)] : [];

  describe.skipIf(node === undefined || npm === undefined)('where they can be had', () => {
    let project: Project;

    beforeEach(() => {
      project = new Project({ node: node as string, npm: npm as string });
    });
    afterEach(() => project.remove());

    test.each([false, true])(
      'ignoring scripts: %s: it loads, and golden vectors pass',
      async (ignoreScripts) => {
        expect(outcome(project.install(tarball, tarballs, { ignoreScripts }))).toMatchObject({ status: 0 });
        const inspected = project.run('npx', ['lp-reg', 'inspect', '--json']);
        const report = JSON.parse(inspected.stdout);
        expect(report).toMatchObject({ addonOrigin: 'prebuild', libraryOrigin: 'prebuild' });
        const { cuda } = report.backends;
        expect(cuda.architectures).toEqual(cuda.runtimeVersion === undefined ? [] : ARCHITECTURES);
        const inWords = project.run('npx', ['lp-reg', 'inspect']).stdout;
        expect(inWords).toMatch(cuda.available ? /^cuda +on$/m : /^cuda +off: \w.+\n +\w/m);
        expect(project.run('node', ['--version']).stdout).toBe(`v${nodeVersion}\n`);
        await bundleGoldenConsumer('esm', join(project.folder, 'golden.mjs'));
        await bundleGoldenConsumer('cjs', join(project.folder, 'golden.cjs'));
        const { compiled, program: typed } = compileGoldenConsumer(project);
        expect(compiled).toEqual({ status: 0, stdout: '', stderr: '' });
        for (const program of ['golden.mjs', 'golden.cjs', typed]) {
          const { status, stdout, stderr } = project.run('node', [program, ...vectorNames()]);
          expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
          expect(JSON.parse(stdout)).toEqual({ compared: 44, violations: [] });
        }
      },
    );
  });
});
