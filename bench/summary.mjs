// The figures of bench/results/*.json as the Markdown that the documents show, so that no figure is typed by hand.
//   node bench/summary.mjs [FOLDER]    prints the tables of a folder of results, bench/results by default
//   --write                            puts them between the `bench:...` marks of README.md and docs/cpu-performance.md
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readResults } from './read-results.mjs';
import { fill, markdownTable } from './report/markdown.mjs';
import { targetRows } from './targets.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const SHAPE = '16x16x151936';

function origin(files) {
  const { environment } = files[0];
  const { cpu, threads, instructionSet, date, commit } = environment;
  const commands = files.map(({ command }) => `\`${command}\``).join(', ');
  return `Measured on ${cpu}, ${instructionSet}, ${threads} threads, ${date.slice(0, 10)}, commit ${commit}, by ${commands}.`;
}

function targets(byKind) {
  const rows = targetRows(byKind).map(({ what, target, measured, verdict }) => [
    what,
    target,
    measured,
    verdict,
  ]);
  const head = ['256 rows of 151,936 logits, where nothing else is said', 'target', 'measured', ''];
  return `${markdownTable(head, rows)}\n\n${origin(Object.values(byKind))}`;
}

/** Times at the shape of the targets, in place, peaked and flat logits. */
function times({ cases }) {
  const chosen = (cases?.results ?? []).filter(
    ({ shape, form }) => shape.join('x') === SHAPE && form === 'in-place',
  );
  const rows = chosen.map(({ loss, dtype, distribution, time, ratioToCopy, ratioToNegation }) => [
    loss,
    dtype,
    distribution,
    time.median.toFixed(1),
    `${ratioToCopy.value.toFixed(2)} (${ratioToCopy.low.toFixed(2)} to ${ratioToCopy.high.toFixed(2)})`,
    ratioToNegation.value.toFixed(2),
  ]);
  const head = [
    'loss, in place',
    'logits',
    '',
    'ms',
    'times a copy (quartiles)',
    'times a negation in place',
  ];
  return cases === undefined ? '' : `${markdownTable(head, rows)}\n\n${origin([cases])}`;
}

const BLOCKS = { targets, times };

/** The documents, and how each reaches the root of the repository. */
const DOCUMENTS = { 'README.md': '', 'docs/cpu-performance.md': '../' };

const { values, positionals } = parseArgs({
  options: { write: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const byKind = readResults(positionals[0]);
const contents = Object.entries(BLOCKS).map(([name, block]) => [name, block(byKind)]);
if (values.write) {
  for (const [document, up] of Object.entries(DOCUMENTS)) {
    const path = join(root, document);
    const link = `[All results as a page](${up}bench/results/report.html).`;
    const filled = contents.reduce(
      (text, [name, content]) => fill(text, `bench:${name}`, `${content} ${link}`),
      readFileSync(path, 'utf8'),
    );
    writeFileSync(path, filled);
    console.log(`written: ${document}`);
  }
} else {
  console.log(contents.map(([, content]) => content).join('\n\n'));
}
