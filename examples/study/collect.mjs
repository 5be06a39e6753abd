// Writes examples/study/results/study.json from the evaluations of some plans.
// Usage: node examples/study/collect.mjs FILE.jsonl...
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { environmentNow } from '../../bench/results-file.mjs';
import { readLines } from './run-jobs.mjs';
import { summarise } from './summarise.mjs';

const folder = fileURLToPath(new URL('results', import.meta.url));
const { cpu, cpus, node, version, instructionSet } = environmentNow();
const { cells, ...summary } = summarise(process.argv.slice(2).flatMap(readLines));
const head = {
  kind: 'study',
  commands: [
    ...['--quick', '--plan full', '--plan vocabulary', '--plan added'].map(
      (plan) => `npm run study -- ${plan}`,
    ),
    'node examples/study/collect.mjs FILE.jsonl...',
  ],
  environment: { cpu, cpus, node, version, instructionSet },
  ...summary,
};

// An arm per line: small, and a new run changes few lines.
const armLines = (arms) => arms.map((arm) => JSON.stringify(arm)).join(',\n');
const cellText = ({ arms, ...cell }) =>
  `${JSON.stringify(cell).slice(0, -1)},"arms":[\n${armLines(arms)}\n]}`;
mkdirSync(folder, { recursive: true });
writeFileSync(
  `${folder}/study.json`,
  `${JSON.stringify(head).slice(0, -1)},"cells":[\n${cells.map(cellText).join(',\n')}\n]}\n`,
);
console.log(`${summary.runs} runs written: ${folder}/study.json`);
