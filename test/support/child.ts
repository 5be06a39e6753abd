/** Runs JavaScript against the built package in a process of its own, for hazards that would end this one. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Defines `lpreg`, and `batch(B, T, V)` with a float32 batch of the given size; for the main thread and for workers. */
export const PRELUDE = `
  const lpreg = require(${JSON.stringify(join(root, 'dist/index.js'))});
  function batch(B, T, V, Buffer = ArrayBuffer) {
    const data = new Float32Array(new Buffer(4 * B * T * V));
    for (let i = 0; i < data.length; i++) data[i] = (i * 7919) % 31 / 10;
    return {
      logits: { data, dtype: 'float32', shape: [B, T, V] },
      actions: new Int32Array(B * T),
      oldLogProbs: new Float32Array(B * T).fill(-2),
      advantages: new Float32Array(B * T).fill(-1),
    };
  }
`;

export interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a CommonJS script, in which the names of {@link PRELUDE} are known.
 * @param args - `process.argv` from 1 on.
 */
export function runScript(
  script: string,
  nodeOptions: readonly string[] = [],
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = process.env,
): Ended {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [...nodeOptions, '--eval', `${PRELUDE}${script}`, '--', ...args],
    { cwd: root, encoding: 'utf8', env, timeout: 50_000 },
  );
  return { status, signal, stdout, stderr };
}

/** Source of a worker, to be quoted into a script: `new Worker(source, { eval: true })`. */
export function workerSource(script: string): string {
  return JSON.stringify(`${PRELUDE}${script}`);
}
