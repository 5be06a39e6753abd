// The install step of the published package: nothing where the package loads as it came, else compile, else explain.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BuildError, buildPackage } from './compile.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What the package itself says about its library: nothing where it loads. */
function loadProblem() {
  const { status, stderr } = spawnSync(process.execPath, ['bin/lp-reg.js', 'inspect'], {
    cwd: root,
    encoding: 'utf8',
  });
  return status === 0 ? undefined : stderr;
}

async function install() {
  const problem = loadProblem();
  if (problem === undefined) return;
  console.log(problem);
  try {
    await buildPackage();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(`${error.message}
Once that is mended, install again; or install with --ignore-scripts now and run later: npx lp-reg build`);
    process.exitCode = 1;
  }
}

// A checkout is built by its prepare script, which npm runs after this one; building here too would do it twice.
if (!existsSync(`${root}/tsconfig.json`)) await install();
