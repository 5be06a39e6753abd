/** Runs the command as a user does: the executable file of the checkout, in a process of its own. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { FileTensor } from '../../lib/cli/safetensors.js';
import { SafetensorsFile } from '../../lib/cli/safetensors.js';

export const executable = join(__dirname, '../../bin/lp-reg.js');

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `lp-reg` with the given arguments and additional environment variables. */
export function lpReg(args: readonly string[], env: Readonly<Record<string, string>> = {}): CliResult {
  return spawnSync(executable, args, { encoding: 'utf8', env: { ...process.env, ...env } });
}

/** Every tensor of a file. */
export function readTensors(path: string): Record<string, FileTensor> {
  const file = new SafetensorsFile(path);
  const tensors = Object.fromEntries([...file.tensors.keys()].map((name) => [name, file.read(name)]));
  file.close();
  return tensors;
}
