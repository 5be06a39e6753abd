// npm run bench:report: a page from the results files, bench/results/report.html. No external resources.
// Usage: node bench/report.mjs [folder of results]
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RESULTS_FOLDER, readResults } from './read-results.mjs';
import { page } from './report/page.mjs';
import { peersSection } from './report/peers.mjs';
import { ratioSection } from './report/ratios.mjs';
import { rooflineSection } from './report/roofline.mjs';
import { scalingSection } from './report/scaling.mjs';
import { memorySection, originSection, overheadSection } from './report/tables.mjs';
import { targetsSection } from './report/targets.mjs';

const folder = process.argv[2] ?? RESULTS_FOLDER;

/** Kind of a results file -> what the page shows of it. */
const SECTIONS = {
  cases: ({ results }) => rooflineSection(results) + ratioSection(results),
  peers: peersSection,
  scaling: scalingSection,
  overhead: overheadSection,
  memory: memorySection,
};

const byKind = readResults(folder);
const sections = Object.entries(SECTIONS).map(([kind, section]) =>
  byKind[kind] === undefined ? '' : section(byKind[kind]),
);
const target = join(folder, 'report.html');
writeFileSync(
  target,
  page('lp-reg: measurements', [targetsSection(byKind), ...sections, originSection(Object.values(byKind))]),
);
console.log(`written: ${target}`);
