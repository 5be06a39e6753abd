// Threshold test: beta against what became of the run, beside the beta that one step's theory predicts.
import { linearPlot } from '../../../bench/report/plot.mjs';
import { dot, drawing, label, line } from '../../../bench/report/svg.mjs';
import { interval } from '../statistics.mjs';
import { number, ranged, table } from './tables.mjs';

/** A run has run away if pass@1 ends below this (PREREGISTRATION.md). */
const RUN_AWAY = 0.05;
const BETAS = [1, 2, 4, 8];
const BETA_SHOWN = 10;

/** Runs of `kept` by beta, and the predicted threshold, for each environment and tail; both environments begin at the same policy. */
export function thresholdTest(study, drift) {
  return study.cells
    .filter((cell) => cell.study === 'main')
    .sort((a, b) => a.env.localeCompare(b.env) || a.tail - b.tail)
    .map((cell) => ({
      env: cell.env,
      tail: cell.tail,
      predicted: interval(drift.thresholds.find(({ tail }) => tail === cell.tail).betas),
      outcomes: BETAS.map((beta) => {
        const ends = cell.arms.find(({ arm }) => arm === `kept b${beta}`)?.endpoints.pass1 ?? [];
        return { beta, ends, away: ends.filter((pass1) => pass1 < RUN_AWAY).length };
      }),
    }));
}

function plotOf({ env, tail, predicted, outcomes }) {
  const [width, height] = [420, 230];
  const { x, y, axes } = linearPlot({
    width,
    height,
    xDomain: [0, BETA_SHOWN],
    yDomain: [0, 0.6],
    xLabel: 'beta',
    yLabel: 'pass@1 at the end',
  });
  const dots = outcomes.flatMap(({ beta, ends }) =>
    ends.map((pass1) =>
      dot(x(beta), y(pass1), `beta ${beta}: ${number(pass1)}`, { class: pass1 < RUN_AWAY ? 'c2' : 'c1' }),
    ),
  );
  const beyond = predicted.mean > BETA_SHOWN;
  const at = x(Math.min(predicted.mean, BETA_SHOWN));
  const text = `${number(predicted.mean, 1)}${beyond ? ', beyond' : ''}`;
  const mark = [
    beyond ? '' : line(at, 12, at, height - 44, { class: 'yardstick' }),
    label(at - 4, 24, text, { 'text-anchor': 'end', class: 'note' }),
  ];
  return `<figure><h3>Environment ${env}, tail ${tail}</h3>${drawing(width, height, `threshold in environment ${env} at tail ${tail}`, [axes, ...mark, ...dots].join(''))}</figure>`;
}

export function thresholdSection(test) {
  const rows = test.map(({ env, tail, predicted, outcomes }) => [
    env,
    tail,
    ranged(predicted, 2),
    ...outcomes.map(({ beta, ends, away }) => {
      if (ends.length === 0) return 'no runs';
      const asPredicted = ends.every((pass1) => pass1 < RUN_AWAY === beta > predicted.mean);
      return {
        class: asPredicted ? 'yes' : 'no',
        text: `${away} of ${ends.length}${asPredicted ? '' : ', not as predicted'}`,
      };
    }),
  ]);
  return `<h2>Threshold of beta</h2>
<p>Dashed: the beta at which, at the initial policy, the expected pull of <code>kept</code> on the sparks equals what GRPO takes from them. Orange: runs that ran away (pass@1 below ${RUN_AWAY} at the end).</p>
<div class="charts">${test.map(plotOf).join('\n')}</div>
${table(['environment', 'tail', 'predicted beta', ...BETAS.map((beta) => `ran away at beta ${beta}`)], rows)}`;
}
