/** The figures of docs/reliability.md are those of the recorded runs, each with its command. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const text = readFileSync(join(root, 'docs/reliability.md'), 'utf8');
const { runs } = JSON.parse(readFileSync(join(root, 'bench/results/reliability.json'), 'utf8')) as {
  runs: { what: string; figure: string; command: string }[];
};

test('every row of the table is a recorded run, and every run is a row', () => {
  const section = text.slice(text.indexOf('## Figures'), text.indexOf('## Sanitizers over Node'));
  const rows = section.split('\n').filter((line) => /^\| (?!what \|)/.test(line));
  expect(rows).toStrictEqual(runs.map(({ what, figure, command }) => `| ${what} | ${figure} | ${command} |`));
});
