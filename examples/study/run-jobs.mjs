// Runs jobs on several workers and appends the evaluations of each run to a JSONL file, from which it can resume.
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';

/** Key of a run in a file: its name and its options. */
const keyOf = ({ name, options }) => JSON.stringify([name, options]);

/** The complete lines of a results file; a line that was cut off is removed from it. */
export function readLines(file) {
  if (!existsSync(file)) return [];
  const text = readFileSync(file, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) truncateSync(file, Buffer.byteLength(whole));
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** Keys of the runs whose last evaluation is in the file. Lines of a run are written at once, so none is there twice. */
const finishedRuns = (lines) => new Set(lines.filter(({ last }) => last === true).map(keyOf));

/**
 * @param jobs - Of plans.mjs.
 * @param settings - file, workers, commit; `deadline` in milliseconds since 1970, after which no run is begun; `onRun(done, total, result)`.
 * @returns How many runs were made, and their milliseconds, steps, and milliseconds in lp-reg.
 */
export async function runJobs(jobs, { file, workers, commit, deadline, onRun }) {
  mkdirSync(dirname(file), { recursive: true });
  const finished = finishedRuns(readLines(file));
  const pending = jobs.filter((job) => !finished.has(keyOf(job)));
  const totals = {
    runs: 0,
    skipped: jobs.length - pending.length,
    steps: 0,
    milliseconds: 0,
    lpRegMilliseconds: 0,
  };
  let next = 0;

  async function serve() {
    const worker = new Worker(new URL('./worker.mjs', import.meta.url));
    try {
      while (next < pending.length && Date.now() < deadline) {
        const job = pending[next++];
        const result = await new Promise((resolve, reject) => {
          worker.once('message', resolve).once('error', reject);
          worker.postMessage({ simulator: job.simulator, options: job.options });
        });
        worker.removeAllListeners('error');
        const lines = result.evaluations.map((evaluation, i) => {
          const last = i === result.evaluations.length - 1;
          return `${JSON.stringify({ name: job.name, options: job.options, commit, last, ...evaluation })}\n`;
        });
        appendFileSync(file, lines.join(''));
        totals.runs++;
        totals.steps += result.evaluations.at(-1).step;
        totals.milliseconds += result.milliseconds;
        totals.lpRegMilliseconds += result.lpRegMilliseconds;
        onRun(totals.runs, pending.length, job);
      }
    } finally {
      await worker.terminate();
    }
  }
  await Promise.all(Array.from({ length: Math.min(workers, pending.length) }, serve));
  return totals;
}
