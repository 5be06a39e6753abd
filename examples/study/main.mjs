// npm run study - when does Lp-Reg help? Trains toy policies under many losses and tells what became of them.
// Usage: npm run study [-- --quick] [--plan NAME] [--workers N] [--minutes N] [--out FILE.jsonl]
//   --quick     recipe of three minutes: one environment, six arms, five seeds; else the whole study
//   --minutes   begin no run after so many minutes; the same command resumes where it stopped
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { commitOf } from '../../bench/results-file.mjs';
import { PLANS } from './plans.mjs';
import { readLines, runJobs } from './run-jobs.mjs';
import { comparisonTable } from './tables.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    plan: { type: 'string' },
    workers: { type: 'string', default: '2' },
    minutes: { type: 'string' },
    out: { type: 'string' },
  },
});
const plan = values.plan ?? (values.quick ? 'quick' : 'full');
if (!Object.hasOwn(PLANS, plan)) {
  console.error(`There is no plan '${plan}'; there are ${Object.keys(PLANS).join(', ')}.`);
  process.exit(2);
}
const workers = Number(values.workers);
const minutes = values.minutes === undefined ? Number.POSITIVE_INFINITY : Number(values.minutes);
if (!(Number.isInteger(workers) && workers > 0 && minutes >= 0)) {
  console.error('--workers takes a number of workers, --minutes a number of minutes.');
  process.exit(2);
}
const jobs = PLANS[plan]();
const file = values.out ?? join(root, 'build', 'study', `${plan}.jsonl`);
const started = Date.now();

function clock(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** On a terminal a bar that moves; elsewhere a line every so often. */
let lastShown = 0;
function progress(done, total) {
  if (!process.stdout.isTTY && done < total && Date.now() - lastShown < 30_000) return;
  lastShown = Date.now();
  const elapsed = lastShown - started;
  const left = (elapsed / done) * (total - done);
  const bar = '='.repeat(Math.round((30 * done) / total)).padEnd(30);
  const text = `[${bar}] ${done}/${total} runs, ${clock(elapsed)} so far, about ${clock(left)} left`;
  process.stdout.write(process.stdout.isTTY ? `\r${text}${done === total ? '\n' : ''}` : `${text}\n`);
}

console.log(`${jobs.length} runs, ${workers} workers, evaluations in ${file}`);
const totals = await runJobs(jobs, {
  file,
  workers,
  commit: commitOf(root, ['examples/study']),
  deadline: started + 60_000 * minutes,
  onRun: progress,
});
if (totals.skipped > 0) console.log(`${totals.skipped} runs were in the file already.`);
const missing = jobs.length - totals.skipped - totals.runs;
if (missing > 0) console.log(`${missing} runs are left: the same command makes them.`);
if (totals.runs > 0) {
  const perStep = totals.milliseconds / totals.steps;
  const share = (100 * totals.lpRegMilliseconds) / totals.milliseconds;
  const { user, system } = process.cpuUsage();
  const cpu = (user + system) / 1000 / totals.steps;
  console.log(
    `${perStep.toFixed(2)} ms per step and worker (${cpu.toFixed(2)} ms of CPU time), of which ${share.toFixed(0)} % in lp-reg`,
  );
}
console.log(comparisonTable(readLines(file)));
