/** The cross-built prebuild of linux-arm64, loaded by a Node of that architecture under QEMU. Needs LPREG_TEST_PREBUILDS. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bundleGoldenConsumer } from './support/package/bundle.js';
import { Project } from './support/package/project.js';
import { root, Tarballs } from './support/package/tarball.js';
import { nodeProgram } from './support/package/tools.js';
import { vectorNames } from './support/vectors.js';

const PLATFORM = 'linux-arm64';
/** Of Debian's cross compiler, with the C library that Node loads. */
const SYSROOT = '/usr/aarch64-linux-gnu';
/** One of each dtype and proxy; all of them take minutes here. */
const VECTORS = /^(00|04|11|13|14|16|26|42|47)_/;

function emulator(): string | undefined {
  const { stdout } = spawnSync('sh', ['-c', 'command -v qemu-aarch64-static qemu-aarch64'], {
    encoding: 'utf8',
  });
  return stdout.split('\n')[0] || undefined;
}

const runs =
  process.env.LPREG_TEST_PREBUILDS !== undefined &&
  existsSync(join(root, 'prebuilds', PLATFORM)) &&
  existsSync(SYSROOT);
const [qemu, node] = runs ? [emulator(), nodeProgram('20.20.2', PLATFORM)] : [];

const tarballs = new Tarballs();
afterAll(() => tarballs.remove());

test.skipIf(qemu === undefined || node === undefined)(
  'it loads with its NEON kernels, and golden vectors pass',
  async () => {
    const project = new Project();
    try {
      project.install(tarballs.pack({ platform: PLATFORM }), tarballs, { ignoreScripts: true });
      const run = (args: readonly string[]) =>
        project.run(qemu as string, ['-L', SYSROOT, node as string, ...args]);

      const inspected = run([project.installed('bin/lp-reg.js'), 'inspect', '--json']);
      expect(inspected).toMatchObject({ status: 0, stderr: '' });
      expect(JSON.parse(inspected.stdout)).toMatchObject({
        addonOrigin: 'prebuild',
        libraryPath: project.installed(`prebuilds/${PLATFORM}/liblpreg.so`),
        instructionSet: 'neon',
      });

      await bundleGoldenConsumer('cjs', join(project.folder, 'golden.cjs'));
      const names = vectorNames().filter((name) => VECTORS.test(name));
      const { status, stdout, stderr } = run(['golden.cjs', ...names]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(JSON.parse(stdout)).toEqual({ compared: 9, violations: [] });
    } finally {
      project.remove();
    }
  },
);
