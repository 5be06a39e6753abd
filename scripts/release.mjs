// Publishes the package, with provenance, once everything that can be checked has been. Arguments go to npm publish,
// such as --dry-run. docs/releasing.md has the steps before this one.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));

function output(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

function passes(command, ...args) {
  console.log(`\n== ${[command, ...args].join(' ')}`);
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

function problemsOfTree() {
  const problems = [];
  if (output('git', 'status', '--porcelain') !== '') problems.push('the working tree has changes');
  if (output('git', 'describe', '--exact-match', '--tags', 'HEAD') !== `v${version}`)
    problems.push(`HEAD is not tagged v${version}`);
  const heading = new RegExp(`^## ${version.replaceAll('.', '\\.')} \\(\\d{4}-\\d\\d-\\d\\d\\)$`, 'm');
  if (!heading.test(readFileSync(`${root}/CHANGELOG.md`, 'utf8')))
    problems.push(`CHANGELOG.md has no dated heading for ${version}`);
  return problems;
}

const problems = problemsOfTree();
for (const problem of problems) console.error(`release: ${problem}`);
const ready =
  problems.length === 0 &&
  passes('npm', 'run', '--silent', 'check:package') &&
  passes('node', 'scripts/check-tarball.mjs', '--release') &&
  // The scripts of the package have done their work; publishing must not build anything anew.
  passes(
    'npm',
    'publish',
    '--provenance',
    '--access',
    'public',
    '--ignore-scripts',
    ...process.argv.slice(2),
  );
process.exitCode = ready ? 0 : 1;
