/** docs/demo.md shows the figures of the committed results, and the flags that there are. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { demoModule } from './support/demo.js';

const document = readFileSync(new URL('../docs/demo.md', import.meta.url), 'utf8');

it('docs/demo.md has the figures of examples/demo/results/summary.json', async () => {
  const { filledDocument } = await demoModule('results.mjs');
  expect(document).toBe(filledDocument());
  expect(document).toMatch(/^\| lp-reg \| 3 \|/m);
});

it('each objective and its flags stand in the table of docs/demo.md', async () => {
  const { ARMS } = await demoModule('arms.mjs');
  for (const [name, { flags }] of Object.entries<{ flags: string[] }>(ARMS)) {
    const row = document.split('\n').find((line) => line.startsWith(`| \`${name}\` |`));
    for (const flag of flags) expect(row).toContain(`--${flag}`);
  }
});

it('the model of docs/demo.md has as many weights as it says', async () => {
  const { width, layers, vocabulary, positions } = JSON.parse(
    readFileSync(new URL('../examples/demo/results/summary.json', import.meta.url), 'utf8'),
  ).size;
  const weights = (12 * width * layers + 2 * vocabulary + positions + 2 * layers + 1) * width;
  expect(document).toContain(`${Math.round(weights / 1000)},000 weights`);
});
