// The install step of the published package: use the prebuild of this platform, else compile, else explain.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { toolchainProblem } from './toolchain.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

function explain() {
  const platform = `${process.platform}-${process.arch}, node ${process.version}`;
  const cause =
    toolchainProblem() ??
    'cmake and a C++17 compiler are there, so the messages above tell why; node-gyp also needs Python 3 and make.';
  console.error(`
lp-reg has no prebuilt library for this platform (${platform}), and compiling it failed.
${cause}
Then install again; --foreground-scripts shows the build.`);
}

// A checkout is built by its prepare script, which npm runs after this one; building here too would do it twice.
const isCheckout = existsSync(`${root}/tsconfig.json`);
if (!isCheckout) {
  const { status } = spawnSync('node-gyp-build', { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    explain();
    process.exitCode = 1;
  }
}
