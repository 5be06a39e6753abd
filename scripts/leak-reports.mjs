// Leaks of given binaries in the reports of LeakSanitizer: of the leaks of a process that loads them, those with one
// of their frames. A suppression cannot tell them apart: what they allocate is allocated in calls of Node.
//   node scripts/leak-reports.mjs FOLDER BINARY...     exit status 1 when there are some
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, ...binaries] = process.argv.slice(2);
const LEAK = /^(?:Direct|Indirect) leak of (\d+) byte\(s\) in (\d+) object\(s\)/;

/** Each leak as its lines, headed by its size. */
function leaksOf(report) {
  return report.split(/\n\s*\n/).filter((paragraph) => LEAK.test(paragraph));
}

const isOurs = (leak) => binaries.some((binary) => leak.includes(`/${binary}`));

const reports = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
const leaks = reports.flatMap(leaksOf);
const ours = leaks.filter(isOurs);
const bytes = ours.reduce((sum, leak) => sum + Number(LEAK.exec(leak)[1]), 0);
for (const leak of ours.slice(0, 5)) console.log(`${leak}\n`);
console.log(
  `leaks: ${ours.length} of ${binaries.join(' and ')} (${bytes} bytes), ${leaks.length - ours.length} of others, in ${reports.length} processes that reported any`,
);
if (ours.length > 0) process.exitCode = 1;
