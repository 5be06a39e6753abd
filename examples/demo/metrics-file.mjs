// metrics.jsonl: a line per run, evaluation and step, each with its arm and seed; and timing.json, which depends on
// the clock and the machine.
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Opens the metrics of a folder, which are begun anew. */
export function openMetrics(folder) {
  mkdirSync(folder, { recursive: true });
  const file = openSync(join(folder, 'metrics.jsonl'), 'w');
  return {
    write: (record) => void writeSync(file, `${JSON.stringify(record)}\n`),
    close: () => closeSync(file),
  };
}

/** @param timing - `command` and `environment` of the runs, and `runs` with the times of each. */
export function writeTiming(folder, timing) {
  writeFileSync(join(folder, 'timing.json'), `${JSON.stringify(timing, null, 1)}\n`);
}

function linesOf(folder) {
  const file = join(folder, 'metrics.jsonl');
  if (!existsSync(file)) throw new Error(`there is no metrics.jsonl in ${folder}`);
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function timingOf(folder) {
  const file = join(folder, 'timing.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { runs: [] };
}

/**
 * The runs of some folders.
 * @returns For each `arm`, `seed`, what its line of kind `run` says, `evaluations`, `steps`, and what is known of its `timing`, with
 *   `command` and `environment`.
 */
export function readRuns(folders) {
  return folders.flatMap((folder) => {
    const lines = linesOf(folder);
    const { command, environment, runs } = timingOf(folder);
    return lines
      .filter(({ kind }) => kind === 'run')
      .map((run) => {
        const isOfRun = ({ arm, seed }) => arm === run.arm && seed === run.seed;
        const own = lines.filter(isOfRun);
        return {
          ...run,
          evaluations: own.filter(({ kind }) => kind === 'evaluation'),
          steps: own.filter(({ kind }) => kind === 'step'),
          timing: { command, environment, ...runs.find(isOfRun) },
        };
      });
  });
}
