// The committed figures of the demo as the Markdown that docs/demo.md shows, so that no figure is typed by hand.
//   node examples/demo/results.mjs            prints the tables of examples/demo/results/summary.json
//   node examples/demo/results.mjs --write    puts them between the `demo:...` marks of docs/demo.md
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fill, markdownTable } from '../../bench/report/markdown.mjs';
import { DIAGNOSTICS, DIFFERENCES, OUTCOMES, TIMES } from './report/tables.mjs';

const RESULTS = new URL('results/summary.json', import.meta.url);
const DOCUMENT = new URL('../../docs/demo.md', import.meta.url);
const BLOCKS = { outcomes: OUTCOMES, differences: DIFFERENCES, diagnostics: DIAGNOSTICS, times: TIMES };

function origin({ commands, environment }) {
  const { cpu, node, date } = environment;
  return `On ${cpu}, node ${node}, ${date.slice(0, 10)}:\n\`\`\`sh\n${commands.join('\n')}\n\`\`\``;
}

/** docs/demo.md with the figures of the results file. */
export function filledDocument() {
  const results = JSON.parse(readFileSync(RESULTS, 'utf8'));
  const blocks = Object.entries(BLOCKS).map(([name, { head, rows }]) => [
    name,
    markdownTable(head, rows(results.arms)),
  ]);
  return [...blocks, ['origin', origin(results)]].reduce(
    (text, [name, content]) => fill(text, `demo:${name}`, content),
    readFileSync(DOCUMENT, 'utf8'),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === '--write') writeFileSync(DOCUMENT, filledDocument());
  else console.log(filledDocument());
}
