// The package as npm would pack it.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Of the tarball, in bytes, as published. */
export const TARBALL_BUDGET = 4_000_000;

/** @returns {{ size: number, files: { path: string }[] }} Bytes of the tarball, and its files. */
export function packedPackage() {
  const options = ['--dry-run', '--json', '--ignore-scripts', '--loglevel=error'];
  const [{ files, size }] = JSON.parse(
    execFileSync('npm', ['pack', ...options], { cwd: root, encoding: 'utf8' }),
  );
  return { files, size };
}
