// npm run study:report - study-report.html, a drawing and the tables of docs/evidence.md from the results files of the study.
// Usage: node examples/study/report.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { page } from '../../bench/report/page.mjs';
import { charts } from './report/charts.mjs';
import { fillDocument } from './report/document.mjs';
import { standalone } from './report/picture.mjs';
import { PAGE_STYLE } from './report/style.mjs';
import { driftTable, endpointTable, reproductionTable } from './report/tables.mjs';
import { thresholdSection, thresholdTest } from './report/threshold.mjs';
import { reproduction } from './reproduction.mjs';

const results = (name) => fileURLToPath(new URL(`results/${name}`, import.meta.url));
const read = (name) => JSON.parse(readFileSync(results(name), 'utf8'));
const [study, drift] = [read('study.json'), read('drift.json')];

const TITLES = {
  quick: 'Quick study',
  main: 'Main study',
  rule: 'A rule for beta',
  recurrent: 'A recurrent policy that sees its prefix',
  fillers: 'Filler tokens',
  epochs: 'Sixteen updates per batch',
  'added: vocabulary': 'Added afterwards: 1000 tokens',
  'added: Adam': 'Added afterwards: Adam',
  'added: four updates': 'Added afterwards: four updates per batch',
  'added: released form': 'Added afterwards: the released form with rho 0.4, beta 4',
  'added: sixteen updates': 'Added afterwards: sixteen updates per batch',
};
/** Charts with few enough arms to be read. */
const GROUPS = [
  ['Form kept', /^(grpo|kept|ent \.03)/],
  ['Published settings', /^(grpo|k3|kl)/],
  ['Entropy bonus', /^(grpo|ent)/],
];

function cellSection(cell) {
  const title = `${TITLES[cell.study]}: ${cell.env === 'R' ? '' : `environment ${cell.env}, `}tail ${cell.tail}`;
  const groups =
    cell.arms.length <= 7
      ? [['', cell.arms]]
      : GROUPS.map(([name, pattern]) => [name, cell.arms.filter(({ arm }) => pattern.test(arm))]);
  const drawn = groups.map(([name, arms]) => `${name === '' ? '' : `<h3>${name}</h3>`}${charts(arms)}`);
  return `<h2>${title}</h2>\n${endpointTable(cell)}\n${drawn.join('\n')}`;
}

const introduction = `<p>${study.runs} runs of a toy of reinforcement learning with verifiable rewards whose pass@k is exact, trained through lp-reg. What was asked, what was expected beforehand and what was found stand in docs/evidence.md and
examples/study/PREREGISTRATION.md. Library: ${study.environment.version}, commits ${study.commits.join(', ')}.</p>
<p>Levels are means over seeds ± 95 % intervals by Student's t. Differences are to GRPO of the same seed. A band in a chart is an arm's mean ± half the 95 % interval of its paired difference to GRPO. Half-life: the step at which the geometric mean of the
sparks' probabilities falls below half, the last step if it never does.</p>`;
const agreement = reproduction(study, drift);
const test = thresholdTest(study, drift);
const compared = agreement.filter(({ agree }) => agree !== null);

writeFileSync(
  results('study-report.html'),
  page(
    'lp-reg: when does Lp-Reg help?',
    [
      introduction,
      `<h2>Drift at the initial policy</h2>
<p>One step, environment A, ${drift.vocabulary} tokens, ${drift.batches} batches: change of log p of the sparks under GRPO, and what each arm adds to it as a share of GRPO's; measured by the library's gradients ± 95 %, in brackets the closed form.</p>${driftTable(drift)}`,
      thresholdSection(test),
      ...study.cells.map(cellSection),
      `<h2>Against the first study</h2>
<p>${compared.filter(({ agree }) => agree).length} of ${compared.length} figures agree: the intervals overlap, or, where the first study gave none, its figure lies in ours or within 10 %.</p>${reproductionTable(agreement)}`,
    ],
    PAGE_STYLE,
  ),
);
const picture = standalone(study);
if (picture !== null) writeFileSync(results('sparks.svg'), picture);
console.log(
  `${compared.filter(({ agree }) => agree).length} of ${compared.length} figures of the first study agree`,
);
fillDocument(fileURLToPath(new URL('../../docs/evidence.md', import.meta.url)), { study, agreement, test });
console.log(`written: ${results('study-report.html')}`);
