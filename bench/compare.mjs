// Two builds on the same memory, their runs alternating: does a change make a loss faster?
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { milliseconds, ratio, textTable } from '../dist/bench/case-table.js';
import { caseName } from '../dist/bench/measure-case.js';
import { race } from '../dist/bench/race.js';
import { ratioOf, timingOf } from '../dist/bench/statistics.js';
import { commitOf } from './results-file.mjs';

/**
 * Loads another build into this process; the two share nothing but the batch.
 * @param path - Folder of a built checkout, or the file that its package exports.
 */
export function openBaseline(path, threads) {
  const target = resolve(path);
  if (!existsSync(target)) throw new Error(`--baseline: there is no ${target}`);
  const isFolder = statSync(target).isDirectory();
  const library = createRequire(import.meta.url)(isFolder ? join(target, 'dist/index.js') : target);
  library.setThreads(threads);
  return { library, commit: commitOf(isFolder ? target : dirname(target)) };
}

/** Times a case in both builds. */
export function compareCase(workbench, item, { library }, length, sample) {
  const { loss, form } = item;
  const contenders = [workbench.contender(loss, form), workbench.contender(loss, form, library, 'baseline')];
  const [current, baseline] = race(contenders, length, sample);
  return {
    name: caseName(item),
    ...item,
    time: timingOf(current),
    baseline: timingOf(baseline),
    ratio: ratioOf(current, baseline),
  };
}

/** Below 1: this build is faster. A ratio whose quartiles span 1 is noise. */
export function comparisonTable(results) {
  return textTable(
    ['case', 'ms', 'baseline ms', 'ratio'],
    results.map(({ name, time, baseline, ...rest }) => [
      name,
      milliseconds(time.median),
      milliseconds(baseline.median),
      ratio(rest.ratio),
    ]),
  );
}
