// Results as JSON, with what is needed to judge and repeat them.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchEnvironment } from '../dist/bench/environment.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What results of the library depend on. */
const LIBRARY = ['lib', 'native', 'cmake', 'CMakeLists.txt'];

/**
 * The commit that is checked out in a folder, with `+` where its code has been changed since; null without git.
 * @param more - Paths that count as code beside those of the library.
 */
export function commitOf(folder = root, more = []) {
  const git = (...args) =>
    execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changed = git('status', '--porcelain', '--', ...LIBRARY, ...more) !== '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed ? '+' : ''}`;
  } catch {
    return null;
  }
}

/** Environment of a run; to be taken before it, for the load average. */
export function environmentNow() {
  return { ...benchEnvironment(), commit: commitOf() };
}

/** The command that is running, as one would type it in the checkout. */
export function thisCommand() {
  const [, script, ...args] = process.argv;
  return ['node', relative(root, script).split(sep).join('/'), ...args].join(' ');
}

/** Writes a results file. @param file - undefined: nothing is written. */
export function writeResults(file, content) {
  if (file === undefined) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(content, null, 1)}\n`);
  console.log(`written: ${file}`);
}
