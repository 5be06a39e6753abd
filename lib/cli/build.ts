/** `lp-reg build`: compiles the native library of this copy of the package, where no prebuild serves. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LpRegError } from '../errors.js';

/** Runs the command, which prints its progress itself. */
export function runBuild(argv: readonly string[]): string {
  const flag = { type: 'boolean' } as const;
  parseArgs({ args: [...argv], options: { cuda: flag, 'if-needed': flag, verbose: flag } });
  const script = join(__dirname, '../../scripts/compile.mjs');
  const { status } = spawnSync(process.execPath, [script, ...argv], { stdio: 'inherit' });
  if (status === 0) return '';
  throw new LpRegError('ERR_LIBRARY', 'the native library was not built; the reason stands above');
}
