/** Programs of other versions than those of this machine, from the npm registry, kept in the user's cache. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'lp-reg-test');

/** Path of a file of an npm package; undefined, and said so, where the registry cannot be reached. */
export function packageFile(name: string, version: string, file: string): string | undefined {
  const folder = join(cache, `${name.replace('/', '+')}-${version}`);
  const path = join(folder, 'node_modules', name, file);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  // Installed beside its place and moved there whole, so that a broken download leaves nothing.
  const fresh = mkdtempSync(join(cache, '.fresh-'));
  // Also a Node of another machine, for an emulator.
  const install = ['install', '--force', '--prefix', fresh, '--no-audit', '--no-fund', `${name}@${version}`];
  if (spawnSync('npm', install, { stdio: 'ignore', timeout: 300_000 }).status !== 0) {
    console.warn(`SKIPPED: ${name}@${version} is not in ${cache} and cannot be had from the registry`);
    return undefined;
  }
  if (!existsSync(folder)) renameSync(fresh, folder);
  return path;
}

/** The executable of a Node version, for this platform if no other is named. */
export function nodeProgram(
  version: string,
  platform = `${process.platform}-${process.arch}`,
): string | undefined {
  return packageFile(`node-${platform}`, version, 'bin/node');
}

/** `npm-cli.js` of an npm version. */
export function npmProgram(version: string): string | undefined {
  return packageFile('npm', version, 'bin/npm-cli.js');
}
