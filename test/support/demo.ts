/** The demo of examples/demo: its command line in a process of its own, and its modules. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../examples/demo');

/** Trains in seconds and learns nothing. */
export const TINY = '--steps 3 --start-steps 3 --prompts 4 --samples 4 --width 8 --layers 1'.split(' ');

export function runDemo(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, 'main.mjs'), ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

/** A module of the demo, without types. */
export const demoModule = (file: string) => import(join(folder, file));

/** Lines of a run's metrics. */
export function metricsOf(out: string): Record<string, unknown>[] {
  const text = readFileSync(join(out, 'metrics.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
