// Makes the prebuilt binaries of a release, prebuilds/<platform>/{lp_reg.node,liblpreg.so}, and checks them.
// Usage: npm run prebuildify [-- --platform linux-arm64]
// CUDA is part of them where nvcc is found (LPREG_CUDA=OFF leaves it out); a cross build has none.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkFolder } from './check-binaries.mjs';
import { BuildError, compile } from './compile.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const host = `${process.platform}-${process.arch}`;

/** CMake variables by target, beside those of every release. */
const CROSS = {
  'linux-arm64': {
    CMAKE_TOOLCHAIN_FILE: join(root, 'cmake/toolchains/linux-arm64.cmake'),
    LPREG_CUDA: 'OFF',
  },
};

function definesOf(platform) {
  // The linker strips, since `strip` of this machine does not read the files of another.
  const release = { CMAKE_SHARED_LINKER_FLAGS: '-Wl,-s', CMAKE_MODULE_LINKER_FLAGS: '-Wl,-s' };
  if (platform === host) {
    // CUDAARCHS makes a binary for some GPUs only, for a try.
    const LPREG_CUDA_RELEASE = process.env.CUDAARCHS === undefined ? 'ON' : 'OFF';
    return { ...release, LPREG_CUDA: process.env.LPREG_CUDA ?? 'AUTO', LPREG_CUDA_RELEASE };
  }
  if (CROSS[platform]) return { ...release, ...CROSS[platform] };
  const known = [host, ...Object.keys(CROSS)].join(', ');
  throw new BuildError(
    `--platform must be one of ${known}, not '${platform}'; docs/releasing.md has the others.`,
  );
}

async function main(argv) {
  const { values } = parseArgs({
    args: argv,
    options: { platform: { type: 'string', default: host }, verbose: { type: 'boolean' } },
  });
  const { platform, verbose } = values;
  const outputFolder = join(root, 'prebuilds', platform);
  try {
    const defines = definesOf(platform);
    rmSync(outputFolder, { recursive: true, force: true });
    await compile({ buildFolder: join(root, 'build/prebuild', platform), outputFolder, defines, verbose });
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
    return;
  }
  if (!checkFolder(outputFolder, { isRelease: true })) process.exitCode = 1;
}

await main(process.argv.slice(2));
