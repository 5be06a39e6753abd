/** Python for the tests of python/lp_reg.py. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const CANDIDATES = [process.env.LPREG_PYTHON, '/usr/bin/python3', 'python3'].filter(
  (name) => name !== undefined,
);

/** The first Python that can import a module; LPREG_PYTHON names another one. */
export function pythonWith(module: string): string | undefined {
  return CANDIDATES.find((python) => spawnSync(python, ['-c', `import ${module}`]).status === 0);
}

export interface PythonRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Python in `folder` of the repository with lp_reg.py on its path. */
export function runPython(
  python: string,
  args: readonly string[],
  options: { readonly folder?: string; readonly library?: string } = {},
): PythonRun {
  const library = options.library === undefined ? {} : { LPREG_LIBRARY: options.library };
  const { status, stdout, stderr } = spawnSync(python, args, {
    cwd: join(ROOT, options.folder ?? '.'),
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: join(ROOT, 'python'), PYTHONDONTWRITEBYTECODE: '1', ...library },
    timeout: 300_000,
  });
  return { status, stdout, stderr };
}
