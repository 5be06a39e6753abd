// demo-report.html and summary.json of some runs.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { page } from '../../../bench/report/page.mjs';
import { legend } from '../../../bench/report/plot.mjs';
import { byArm } from './arm-series.mjs';
import { chartsSection } from './charts.mjs';
import { diagnosticsSection, outcomesSection, timesSection } from './figures.mjs';
import { histogramsSection } from './histograms.mjs';
import { COLOURS, STYLE } from './style.mjs';
import { summarise } from './summary.mjs';
import { OUTCOMES, printed } from './tables.mjs';

function introduction(arms) {
  const { settings, startSteps, size } = arms[0].runs[0];
  return `<p>A transformer of ${size.layers} layers and width ${size.width} writes expressions of one-digit numbers that equal a given number from 10 to 59.
It saw worked examples for ${startSteps} steps; then a verifier rewarded its answers: ${settings.steps} steps of ${settings.prompts} prompts with ${settings.samples} answers each, whose advantages are
relative to their group, in ${settings.miniBatches} updates per step. All targets are trained on, so nothing here is about generalisation.</p>
<p>This is a toy. Its curves show how these losses behave on it, not which is better on language models.</p>
${legend(arms.map(({ name, colour, runs }) => [colour, `${name} (${runs.length === 1 ? `seed ${runs[0].seed}` : `${runs.length} seeds, band: 95 % interval`})`]))}`;
}

/** Figures with the commands that made them. */
function summaryFile(runs, summary) {
  const commands = [...new Set(runs.map(({ timing }) => timing.command))];
  const { settings, startSteps, size } = runs[0];
  return {
    kind: 'demo',
    commands,
    environment: runs[0].timing.environment,
    size,
    startSteps,
    settings,
    arms: summary,
  };
}

/**
 * Writes both files.
 * @returns Lines for the terminal.
 */
export function writeReport(runs, folder) {
  const arms = [...byArm(runs)].map(([name, ofArm], index) => ({
    name,
    runs: ofArm,
    colour: COLOURS[index % COLOURS.length],
  }));
  const summary = summarise(arms);
  const sections = [
    introduction(arms),
    outcomesSection(summary),
    chartsSection(arms),
    histogramsSection(arms),
    diagnosticsSection(summary),
    timesSection(summary),
  ];
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'demo-report.html'),
    page('lp-reg: learning from verifiable rewards', sections, STYLE),
  );
  writeFileSync(join(folder, 'summary.json'), `${JSON.stringify(summaryFile(runs, summary), null, 1)}\n`);
  return printed(OUTCOMES, summary);
}
