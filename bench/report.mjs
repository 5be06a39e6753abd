// npm run bench:report: a page from the results files, bench/results/report.html. No external resources.
// Usage: node bench/report.mjs [folder of results]
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { page } from './report/page.mjs';
import { peersSection } from './report/peers.mjs';
import { ratioSection } from './report/ratios.mjs';
import { rooflineSection } from './report/roofline.mjs';
import { scalingSection } from './report/scaling.mjs';
import { memorySection, originSection, overheadSection } from './report/tables.mjs';
import { targetsSection } from './report/targets.mjs';

const folder = process.argv[2] ?? fileURLToPath(new URL('results', import.meta.url));

/** Kind of a results file -> what the page shows of it. */
const SECTIONS = {
  cases: ({ results }) => rooflineSection(results) + ratioSection(results),
  peers: peersSection,
  scaling: scalingSection,
  overhead: overheadSection,
  memory: memorySection,
};

const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
const files = names
  .sort()
  .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
  .filter(({ kind }) => kind !== 'gpu'); // of scripts/gpu/check; the page is about the CPU
const byKind = Object.fromEntries(files.map((file) => [file.kind, file]));
if (files.length === 0) throw new Error(`there are no results in ${folder}; bench/run-all makes them`);

const sections = Object.entries(SECTIONS).map(([kind, section]) =>
  byKind[kind] === undefined ? '' : section(byKind[kind]),
);
const target = join(folder, 'report.html');
writeFileSync(
  target,
  page('lp-reg: measurements', [targetsSection(byKind), ...sections, originSection(files)]),
);
console.log(`written: ${target}`);
