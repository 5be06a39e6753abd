/** Which package manager installed this copy, and how it runs a command of ours. */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

type PackageManager = 'bun' | 'npm' | 'pnpm' | 'yarn';

const LOCK_FILES: readonly (readonly [string, PackageManager])[] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
  ['yarn.lock', 'yarn'],
  ['package-lock.json', 'npm'],
];

const RUN: Readonly<Record<PackageManager, string>> = {
  bun: 'bunx lp-reg build',
  npm: 'npx lp-reg build',
  pnpm: 'pnpm exec lp-reg build',
  yarn: 'yarn lp-reg build',
};

/** How to compile the library in this copy of the package. */
export interface BuildAdvice {
  readonly command: string;
  /** The folder to run it in; absent where it runs anywhere. */
  readonly project?: string;
}

/** @param folder - The package's own folder. */
export function buildAdvice(folder: string): BuildAdvice {
  if (existsSync(join(folder, 'tsconfig.json'))) {
    return { command: 'npm run build:native', project: folder };
  }
  const anywhere = `node ${quoted(join(folder, 'bin', 'lp-reg.js'))} build`;
  const project = projectOf(folder);
  if (project === undefined) return { command: anywhere };
  // A dependency of a dependency may have no command of its own in the project; Plug'n'Play has them without files.
  const commands = [join('node_modules', '.bin', 'lp-reg'), '.pnp.cjs'];
  return commands.some((path) => existsSync(join(project, path)))
    ? { command: RUN[packageManagerOf(project)], project }
    : { command: anywhere };
}

/** The folder above the outermost node_modules, or above yarn's store of unpacked packages. */
function projectOf(folder: string): string | undefined {
  let project: string | undefined;
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    if (['node_modules', '.yarn'].includes(basename(at))) project = dirname(at);
  }
  return project;
}

/** By the nearest lock file; that of a workspace lies above the project. */
function packageManagerOf(project: string): PackageManager {
  for (let at = project; ; at = dirname(at)) {
    const found = LOCK_FILES.find(([name]) => existsSync(join(at, name)));
    if (found !== undefined) return found[1];
    if (at === dirname(at)) return 'npm';
  }
}

function quoted(path: string): string {
  return /^[\w./@+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
