// Makes the prebuilt binaries of a release, prebuilds/<platform>/{lp-reg.glibc.node,liblpreg.so}, and checks them.
// Usage: npm run prebuildify [-- --platform linux-arm64]
// prebuildify runs node-gyp, which runs CMake (binding.gyp). Through npm only, which puts both on PATH.
// CUDA is part of them where nvcc is found (LPREG_CUDA=OFF leaves it out); a cross build has none.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkFolder } from './check-binaries.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const host = `${process.platform}-${process.arch}`;

/** What a cross build takes beside what every prebuild takes. */
const CROSS = {
  'linux-arm64': {
    options: ['--arch', 'arm64', '--strip-bin', 'aarch64-linux-gnu-strip'],
    env: { CMAKE_TOOLCHAIN_FILE: join(root, 'cmake/toolchains/linux-arm64.cmake'), LPREG_CUDA: 'OFF' },
  },
};

function settingsOf(platform) {
  if (platform !== host) return CROSS[platform];
  // CUDAARCHS makes a binary for some GPUs only, for a try.
  const LPREG_CUDA_RELEASE = process.env.CUDAARCHS === undefined ? 'ON' : 'OFF';
  return { options: [], env: { LPREG_CUDA: process.env.LPREG_CUDA ?? 'AUTO', LPREG_CUDA_RELEASE } };
}

/** node-gyp deletes the build folder beside binding.gyp; here it is not the checkout's, which is in use. */
function stage(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of ['CMakeLists.txt', 'binding.gyp', 'package.json', 'scripts'])
    symlinkSync(join(root, name), join(folder, name));
}

/** The headers that came with this Node, so that node-gyp does not download any; nothing is compiled with them. */
function headersOfNode() {
  const nodedir = dirname(dirname(process.execPath));
  return existsSync(join(nodedir, 'include/node/common.gypi')) ? { npm_config_nodedir: nodedir } : {};
}

function prebuild(platform, { options, env }) {
  const folder = join(root, 'build/prebuild', platform);
  stage(folder);
  rmSync(join(root, 'prebuilds', platform), { recursive: true, force: true });
  const flags = ['--napi', '--strip', '--tag-libc', '--target', process.versions.node];
  const folders = ['--cwd', folder, '--out', root];
  const { status } = spawnSync('prebuildify', [...flags, ...folders, ...options], {
    cwd: root,
    stdio: 'inherit',
    env: { ...headersOfNode(), ...process.env, ...env },
  });
  return status === 0;
}

function main(argv) {
  const { platform } = parseArgs({
    args: argv,
    options: { platform: { type: 'string', default: host } },
  }).values;
  const settings = settingsOf(platform);
  if (settings === undefined) {
    const known = [host, ...Object.keys(CROSS)].join(', ');
    console.error(`--platform must be one of ${known}, not '${platform}'; docs/releasing.md has the others.`);
  }
  const succeeded =
    settings !== undefined &&
    prebuild(platform, settings) &&
    checkFolder(join(root, 'prebuilds', platform), { isRelease: true });
  process.exitCode = succeeded ? 0 : 1;
}

main(process.argv.slice(2));
